import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { saveReport } from "../../../scripts/testing/saved-reports.ts";
import { target } from "../src/conformance.ts";

runConformance({ runner: { describe, it }, target: target(), onReport: saveReport });
