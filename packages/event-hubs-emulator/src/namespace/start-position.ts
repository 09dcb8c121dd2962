import type { Coordinate, PartitionLog } from "../log/partition-log.ts";
import { CONDITION, ServiceError } from "./service-error.ts";

/** Where a receiver asks to begin. */
export type StartPosition =
  | "earliest"
  | "latest"
  | { coordinate: Coordinate; value: number; inclusive: boolean };

const SELECTOR = /^\s*amqp\.annotation\.(x-opt-[a-z-]+)\s*(>=?)\s*'?([^'\s]+)'?\s*$/;

const COORDINATES: ReadonlyMap<string, Coordinate> = new Map([
  ["x-opt-offset", "offset"],
  ["x-opt-sequence-number", "sequenceNumber"],
  ["x-opt-enqueued-time", "enqueuedTime"],
]);

/**
 * Reads the selector filter of a receiver. Without one it begins at the earliest
 * event, as with the service.
 */
export function parseSelector(selector: string | undefined): StartPosition {
  if (selector === undefined) return "earliest";
  const [, annotation = "", operator, text = ""] = SELECTOR.exec(selector) ?? [];
  const coordinate = COORDINATES.get(annotation);
  if (coordinate === undefined) throw invalid(selector);
  if (text === "@latest") return "latest";
  if (text === "-1") return "earliest";
  if (!/^-?\d{1,15}$/.test(text)) throw invalid(selector);
  return { coordinate, value: Number(text), inclusive: operator === ">=" };
}

function invalid(selector: string): ServiceError {
  return new ServiceError(CONDITION.argument, `The filter expression '${selector}' is not supported.`);
}

const NAMES: Partial<Record<Coordinate, string>> = { offset: "offset", sequenceNumber: "sequence number" };

/**
 * The sequence number of the first event to send. Positions that retention has
 * passed begin at what is left; positions that were never written are an error, so
 * that a checkpoint of another hub is noticed.
 */
export function resolvePosition(log: PartitionLog, start: StartPosition): number {
  if (start === "earliest") return log.beginning;
  if (start === "latest") return log.end;
  const name = NAMES[start.coordinate];
  const last = log.last?.[start.coordinate] ?? -1;
  if (name !== undefined && start.value > last) {
    throw new ServiceError(
      CONDITION.argument,
      `The supplied ${name} '${start.value}' is invalid. The last ${name} in the system is '${last}'`,
    );
  }
  return log.find(start.coordinate, start.inclusive ? start.value : start.value + 1);
}
