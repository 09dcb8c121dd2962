import type { ProgressListener } from "@waybill/local-brokers";
import type { Terminal } from "../command.ts";
import { nameWidth } from "./brokers-arguments.ts";

/** A line for every step, such as `kafka          3.2 s  downloading …`. */
export function progressTo(terminal: Terminal): ProgressListener {
  return ({ broker, message, elapsedMs }) => {
    const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
    terminal.err(`${broker.padEnd(nameWidth)} ${seconds.padStart(7)}  ${message}\n`);
  };
}
