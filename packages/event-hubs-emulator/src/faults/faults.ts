import { randomUUID } from "node:crypto";
import { keyOf } from "../namespace/names.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { type CheckedFault, checkFault, type Fault, type FaultPoint, InvalidFault } from "./fault.ts";

/** What is about to happen, as far as faults can tell things apart. */
export interface Subject {
  readonly hub?: string | undefined;
  readonly partition?: string | undefined;
  readonly role?: "publish" | "receive" | undefined;
}

/** Which links are to end at once; all when nothing is said. */
export interface DetachRequest extends Subject {
  /** `amqp:link:detach-forced` unless told otherwise. */
  readonly condition?: string;
  readonly description?: string;
}

/** What can be done at once to those who are connected. */
export interface Connected {
  detach(subject: Subject, error: ServiceError): number;
  disconnect(): number;
}

/** A fault that waits to strike, as it is listed. */
export interface PendingFault extends Fault {
  readonly id: string;
  /** How often it still strikes. */
  readonly remaining: number;
}

const MAX_FAULTS = 100;

/** Faults on demand, for tests of what clients do about them. */
export class Faults {
  readonly #pending = new Map<string, { fault: CheckedFault; until: number; remaining: number }>();
  #connected: Connected | undefined;

  /** Arms a fault; what it returns takes it back. Throws {@link InvalidFault}. */
  inject(fault: Fault): { readonly id: string; remove(): void } {
    const checked = checkFault(fault);
    this.#forgetOld();
    if (this.#pending.size >= MAX_FAULTS) throw new InvalidFault(`There are ${MAX_FAULTS} faults already`);
    const id = randomUUID();
    this.#pending.set(id, {
      fault: checked,
      until: Date.now() + checked.timeoutMs,
      remaining: checked.times,
    });
    return { id, remove: () => void this.remove(id) };
  }

  /** Has the server busy for the next publishes: `times` of them, or all for `timeoutMs`. */
  throttle(options: Pick<Fault, "hub" | "partition" | "times" | "timeoutMs"> = {}): { remove(): void } {
    const times = options.times ?? (options.timeoutMs === undefined ? 1 : 1_000_000);
    return this.inject({ on: "publish", action: "throttle", ...options, times });
  }

  /** Ends links at once, as the service does when it moves an entity; says how many. */
  detach({ condition, description, ...subject }: DetachRequest = {}): number {
    const error = new ServiceError(
      condition ?? CONDITION.detachForced,
      description ?? "The link is force detached by the server.",
    );
    return this.#connected?.detach(subject, error) ?? 0;
  }

  /** Ends every AMQP connection at once and without a word; says how many. */
  disconnect(): number {
    return this.#connected?.disconnect() ?? 0;
  }

  list(): PendingFault[] {
    this.#forgetOld();
    return [...this.#pending].map(([id, { fault, remaining }]) => ({ ...fault, id, remaining }));
  }

  remove(id: string): boolean {
    return this.#pending.delete(id);
  }

  clear(): void {
    this.#pending.clear();
  }

  /** The server itself says whom {@link detach} and {@link disconnect} are about. */
  connect(connected: Connected): void {
    this.#connected = connected;
  }

  /** The fault that strikes now, if any; it has then struck once. */
  take(on: FaultPoint, subject: Subject = {}): CheckedFault | undefined {
    if (this.#pending.size === 0) return undefined;
    this.#forgetOld();
    for (const [id, entry] of this.#pending) {
      if (entry.fault.on !== on || !concerns(entry.fault, subject)) continue;
      entry.remaining--;
      if (entry.remaining <= 0) this.#pending.delete(id);
      return entry.fault;
    }
    return undefined;
  }

  #forgetOld(): void {
    const now = Date.now();
    for (const [id, { until }] of this.#pending) if (until <= now) this.#pending.delete(id);
  }
}

/** Whether a selection is about a subject; what it leaves open it does not ask for. */
export function concerns(selection: Subject, subject: Subject): boolean {
  if (selection.hub !== undefined && keyOf(selection.hub) !== keyOf(subject.hub ?? "")) return false;
  if (selection.partition !== undefined && selection.partition !== subject.partition) return false;
  return selection.role === undefined || selection.role === subject.role;
}

/** What a client is told by a fault that has an answer. */
export function errorOf({ action, condition, description }: CheckedFault): ServiceError {
  if (action === "throttle") {
    return new ServiceError(
      condition ?? CONDITION.busy,
      description ?? "The server was unable to process the request; please retry the operation. (throttled)",
    );
  }
  return new ServiceError(condition ?? CONDITION.internal, description ?? "A fault was injected.");
}
