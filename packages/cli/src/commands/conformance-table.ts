import type { CaseResult, Outcome, Report } from "@waybill/conformance";

const marks: Readonly<Record<Outcome, string>> = {
  passed: "ok     ",
  failed: "FAILED ",
  refused: "refused",
  quirk: "quirk  ",
  "not-run": "not run",
};

/** One case, as it ends. */
export function conformanceLine({ id, outcome, ms, reason }: CaseResult): string {
  const why = reason === undefined || outcome === "passed" ? "" : `  ${reason.split("\n")[0]}`;
  return `${marks[outcome]}  ${id}  ${Math.round(ms)} ms${why}\n`;
}

/** The table by guarantee, what failed, and the totals. */
export function conformanceSummary({ adapter, broker, cases, totals }: Report): string {
  const rows = [...Map.groupBy(cases, ({ guarantee }) => guarantee)]
    .sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)))
    .map(([guarantee, members]) => {
      const count = (outcome: Outcome) => members.filter((one) => one.outcome === outcome).length;
      const cells = [count("passed"), count("failed"), count("refused"), count("quirk"), count("not-run")];
      return `  ${guarantee.padEnd(8)}${cells.map((cell) => String(cell).padStart(9)).join("")}\n`;
    });
  const troubles = cases
    .filter(({ outcome }) => outcome === "failed" || outcome === "quirk")
    .map(
      ({ id, title, outcome, reason = "" }) =>
        `\n${outcome}: ${id}\n  ${title}\n  ${reason.replaceAll("\n", "\n  ")}\n`,
    );
  const lost = cases.reduce((sum, { counts }) => sum + counts.lost, 0);
  return [
    `\n${adapter} on ${broker.name} ${broker.version ?? ""}`.trimEnd(),
    `\n\n  guarantee    passed   failed  refused   quirks  not run\n`,
    ...rows,
    ...troubles,
    `\n${totals.quirks} quirks, ${totals.refused} refused, ${totals.notRun} not run, ${lost} messages lost\n`,
    `${totals.passed} passed, ${totals.failed} failed\n`,
  ].join("");
}
