import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type SnsSqsOptions, snsSqs } from "../src/index.ts";
import { settingsFromUrl } from "../src/options.ts";

/** The service under test: the environment's, or where the local emulator usually listens. */
const url =
  process.env.WAYBILL_SNS_SQS_URL || "aws://local:local@us-east-1?endpoint=http%3A%2F%2F127.0.0.1%3A4566";

const { region, endpoint, accessKeyId = "", secretAccessKey = "" } = settingsFromUrl(url, {});
const settings = {
  ...(region === undefined ? {} : { region }),
  ...(endpoint === undefined ? {} : { endpoint }),
};
const keys = { accessKeyId, secretAccessKey };
const known = accessKeyId !== "";

export class SnsSqsBench extends Workbench<SnsSqsOptions> {
  /** The SDK alone, to look behind the adapter. */
  readonly sqs = new SQSClient({ ...settings, ...(known ? { credentials: { ...keys } } : {}) });
  readonly sns = new SNSClient({ ...settings, ...(known ? { credentials: { ...keys } } : {}) });

  driver(options: SnsSqsOptions = {}) {
    return snsSqs({ ...settings, ...(known ? keys : {}), waitSeconds: 1, ...options });
  }
}
