import { allFeatures, type Capabilities, type Feature } from "@waybill/core/spi";
import type { GuaranteeId } from "../case.ts";
import { guarantees } from "../guarantees.ts";
import type { Counts } from "../history.ts";
import type { CaseResult, Outcome, Report } from "../run/result.ts";
import { table } from "./table.ts";

/** What readers call the features. */
const featureNames: Readonly<Record<Feature, string>> = {
  delay: "Delayed publish",
  ttl: "Time to live",
  ordering: "Order per key",
  filters: "Filters",
  broadcast: "Broadcast",
  replay: "Replay",
  groupStart: "Groups that start in the past",
  requestReply: "Request and reply",
};

/** The capability matrix of several adapters, in Markdown, from what the suite found. */
export function matrixOf(reports: readonly Report[]): string {
  const adapters = reports.map(({ adapter }) => adapter);
  const perReport = (cell: (report: Report) => string) => reports.map(cell);
  const parts = [
    "## Guarantees",
    "Each number is a count of cases that passed; what did not pass is named.",
    table(
      ["Guarantee", ...adapters],
      (Object.keys(guarantees) as GuaranteeId[]).map((id) => [
        `${id} ${guarantees[id].name}: ${guarantees[id].sentence}`,
        ...perReport(({ cases }) => tally(cases.filter(({ guarantee }) => guarantee === id))),
      ]),
    ),
    "## Messages",
    "What the cases counted while they ran, those with faults included.",
    table(
      ["", ...adapters],
      [
        ["Broker", ...perReport(({ broker }) => [broker.name, broker.version ?? ""].join(" ").trim())],
        ...(["published", "delivered", "lost", "duplicated", "reordered"] as const).map((name) => [
          `${name[0]?.toUpperCase()}${name.slice(1)}`,
          ...perReport(({ cases }) => counted(cases, name)),
        ]),
      ],
    ),
    "## Features",
    table(
      ["Feature", ...adapters],
      allFeatures.map((feature) => [
        featureNames[feature],
        ...perReport(({ capabilities }) => support(capabilities, feature)),
      ]),
    ),
    notesOn(reports),
    "## Settlement and limits",
    table(
      ["", ...adapters],
      Object.entries(behaviours).map(([name, tell]) => [
        name,
        ...perReport(({ capabilities }) => tell(capabilities)),
      ]),
    ),
    exceptions(reports, "failed", "## Failures"),
    exceptions(reports, "quirk", "## Quirks"),
    exceptions(reports, "not-run", "## Not run"),
  ];
  return `${parts.filter((part) => part !== undefined).join("\n\n")}\n`;
}

function tally(cases: readonly CaseResult[]): string {
  const count = (outcome: Outcome) => cases.filter((one) => one.outcome === outcome).length;
  const rest = (["failed", "refused", "quirk"] as const)
    .filter((outcome) => count(outcome) > 0)
    .map((outcome) => `${count(outcome)} ${outcome}`);
  return [String(count("passed")), ...rest].join(", ");
}

function counted(cases: readonly CaseResult[], name: keyof Counts): string {
  return cases.reduce((sum, { counts }) => sum + counts[name], 0).toLocaleString("en-GB");
}

function support({ features }: Capabilities, feature: Feature): string {
  return features[feature]?.how ?? "refused";
}

/** How a broker is, apart from its features. */
const behaviours: Readonly<Record<string, (it: Capabilities) => string>> = {
  Settlement: ({ settlement }) => settlement,
  "Retries that wait": ({ retry }) => retry.how,
  "Waiting retries after a close": ({ handBack }) => {
    if (handBack === undefined) return "come at once";
    const attempt = handBack.keepsAttempt ? "keep their attempt" : "are counted by the broker";
    return handBack.maxDelayMs === 0 ? attempt : `${attempt}, and wait`;
  },
  "Attempts after a crash": ({ attempts }) => attempts,
  "Keeps messages": ({ retention }) =>
    retention === "log" ? "always, for its retention time" : "for groups",
  Lease: ({ lease }) => (lease === undefined ? "while the consumer lives" : `${lease.ms / 1000} s, renewed`),
  "Longest delay": ({ features }) => (features.delay === undefined ? "none" : duration(features.delay.maxMs)),
  "Largest message": ({ limits }) => size(limits.messageBytes),
};

function notesOn(reports: readonly Report[]): string | undefined {
  const notes = reports.flatMap(({ adapter, capabilities }) =>
    allFeatures.flatMap((feature) => {
      const note = capabilities.features[feature]?.note;
      return note === undefined ? [] : [`- ${adapter}, ${featureNames[feature].toLowerCase()}: ${note}`];
    }),
  );
  return notes.length === 0 ? undefined : notes.join("\n");
}

function exceptions(reports: readonly Report[], outcome: Outcome, title: string): string | undefined {
  const rows = reports.flatMap(({ adapter, cases }) =>
    cases
      .filter((one) => one.outcome === outcome)
      .map(({ id, reason }) => [adapter, id, reason?.split("\n")[0] ?? ""]),
  );
  return rows.length === 0 ? undefined : `${title}\n\n${table(["Adapter", "Case", "Why"], rows)}`;
}

function duration(ms: number): string {
  const days = ms / 86_400_000;
  if (days >= 365) return `${Math.round(days / 365)} years`;
  if (days >= 1) return `${Math.round(days)} days`;
  return `${Math.round(ms / 60_000)} min`;
}

function size(bytes: number): string {
  const mebibytes = bytes / 1_048_576;
  return mebibytes >= 1 ? `${Math.round(mebibytes * 10) / 10} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
