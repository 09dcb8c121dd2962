import type { Report } from "@waybill/conformance";

const columns = ["adapter", "broker", "passed", "failed", "refused", "quirks", "not run"];

/** The result of the suite, one line for each adapter, and what failed or was not run. */
export function conformanceTable(reports: readonly Report[]): string {
  const rows = reports.map(({ adapter, broker, totals: { passed, failed, refused, quirks, notRun } }) => [
    adapter,
    `${broker.name} ${broker.version ?? ""}`.trim(),
    ...[passed, failed, refused, quirks, notRun].map(String),
  ]);
  const widths = columns.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ")}`;
  return [line(columns), ...rows.map(line), ...reports.flatMap(details)].join("\n");
}

function details({ adapter, cases }: Report): readonly string[] {
  return cases
    .filter(({ outcome }) => outcome === "failed" || outcome === "quirk")
    .map(({ id, outcome, reason }) => `  ${adapter}: ${outcome}: ${id}: ${reason?.split("\n")[0] ?? ""}`);
}
