import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { localBroker, saveReport } from "../../../scripts/testing/conformance.ts";
import { target } from "../src/conformance.ts";

const { url, version, extras } = await localBroker("google-pubsub");
const emulator = version?.startsWith("pstest") ? "&emulator=pstest" : "";
runConformance({ runner: { describe, it }, target: target(url + emulator, extras), onReport: saveReport });
