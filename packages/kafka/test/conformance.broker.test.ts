import { runConformance } from "@waybill/conformance";
import { describe, it } from "vitest";
import { target } from "../src/conformance.ts";
import { url } from "./workbench.ts";

runConformance({ runner: { describe, it }, target: target(url) });
