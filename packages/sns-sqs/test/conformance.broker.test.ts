import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { localBroker, saveReport } from "../../../scripts/testing/conformance.ts";
import { target } from "../src/conformance.ts";

const { url, extras } = await localBroker("sns-sqs");
runConformance({ runner: { describe, it }, target: target(url, extras), onReport: saveReport });
