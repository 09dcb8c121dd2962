import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { localBroker } from "../../../scripts/testing/local-broker.ts";
import { saveReport } from "../../../scripts/testing/saved-reports.ts";
import { target } from "../src/conformance.ts";

const { url, extras } = await localBroker("kafka");
runConformance({ runner: { describe, it }, target: target(url, extras), onReport: saveReport });
