import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { localBroker, saveReport } from "../../../scripts/testing/conformance.ts";
import { target } from "../src/conformance.ts";

const { url, version, extras } = await localBroker("google-pubsub");
const standIn = version?.startsWith("pstest") ? "&standIn=pstest" : "";
runConformance({ runner: { describe, it }, target: target(url + standIn, extras), onReport: saveReport });
