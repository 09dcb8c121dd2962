import { runConformance } from "@waybill/conformance";
import { afterAll, describe, it } from "vitest";
import { pstestBesideTheEmulator } from "../../../scripts/testing/pstest.ts";
import { saveReportAs } from "../../../scripts/testing/saved-reports.ts";
import { target } from "../src/conformance.ts";

const pstest = await pstestBesideTheEmulator();
if ("notRun" in pstest) it.skip(`the suite on pstest: ${pstest.notRun}`);
else {
  afterAll(pstest.stop);
  runConformance({
    runner: { describe, it },
    target: target(`${pstest.url}&emulator=pstest`),
    onReport: saveReportAs("pstest"),
  });
}
