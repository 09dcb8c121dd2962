import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { saveReport } from "../../../scripts/testing/conformance.ts";
import { target } from "../src/conformance.ts";

// Once @waybill/local-brokers can start this broker, `localBroker` says where it is.
const url = process.env.WAYBILL_SNS_SQS_URL ?? "sns-sqs://localhost";
runConformance({ runner: { describe, it }, target: target(url), onReport: saveReport });
