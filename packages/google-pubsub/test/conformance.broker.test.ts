import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { localBroker } from "../../../scripts/testing/local-broker.ts";
import { saveReport } from "../../../scripts/testing/saved-reports.ts";
import { target } from "../src/conformance.ts";

const { url, version, extras } = await localBroker("google-pubsub");
const emulator = version?.startsWith("pstest") ? "&emulator=pstest" : "";
runConformance({ runner: { describe, it }, target: target(url + emulator, extras), onReport: saveReport });
