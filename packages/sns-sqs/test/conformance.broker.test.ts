import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { saveReport } from "../../../scripts/testing/conformance.ts";
import { target } from "../src/conformance.ts";

// Once @waybill/local-brokers can start this broker, `localBroker` says where it is.
const url =
  process.env.WAYBILL_SNS_SQS_URL ?? "aws://local:local@us-east-1?endpoint=http%3A%2F%2F127.0.0.1%3A4566";
runConformance({ runner: { describe, it }, target: target(url), onReport: saveReport });
