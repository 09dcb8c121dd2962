import { type BrokerStatus, withoutPassword } from "@waybill/local-brokers";

/** Statuses for people. A password is shown only where it is the one everybody knows, that of a broker from here. */
export function table(statuses: readonly BrokerStatus[]): string {
  const rows = statuses.map(({ name, state, url, version, how }) => [
    name,
    state,
    version ?? "",
    how ?? "",
    (how === "environment" && url !== null ? withoutPassword(url) : url) ?? "",
  ]);
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** Statuses for scripts: exactly these fields. The URLs are whole, passwords included. */
export function json(statuses: readonly BrokerStatus[]): string {
  const rows = statuses.map(({ name, state, url, version, how }) => ({ name, state, url, version, how }));
  return `${JSON.stringify(rows, null, 2)}\n`;
}
