import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { target } from "../src/conformance.ts";
import { brokerUrl } from "./support.ts";

runConformance({ runner: { describe, it }, target: target(brokerUrl) });
