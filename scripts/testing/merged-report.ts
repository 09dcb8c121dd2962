import type { Outcome, Report, Totals } from "@waybill/conformance";

/** The first report with the cases of the second, which count where both have one. */
export function mergedReport(first: Report, second: Report): Report {
  const cases = new Map([...first.cases, ...second.cases].map((one) => [one.id, one]));
  const count = (outcome: Outcome) => [...cases.values()].filter((one) => one.outcome === outcome).length;
  const totals: Totals = {
    passed: count("passed"),
    failed: count("failed"),
    refused: count("refused"),
    quirks: count("quirk"),
    notRun: count("not-run"),
  };
  return { ...first, cases: [...cases.values()], totals };
}
