/** Where in the server a fault strikes. */
export type FaultPoint = "connect" | "token" | "attach" | "publish" | "deliver" | "management" | "http";

/**
 * What a fault does.
 *
 * - `throttle`: the answer is that the server is busy (`com.microsoft:server-busy`, HTTP 503).
 * - `refuse`: the answer is `condition`; of a connection, that it is cut off at once.
 * - `detach`: the link ends with `condition`, and what was asked gets no answer.
 * - `disconnect`: the connection ends without a word, and nothing of what was asked is done.
 * - `lose-confirmation`: the events are stored, and then the connection ends before that is confirmed.
 * - `delay`: what was asked happens `delayMs` later.
 */
export type FaultAction = "throttle" | "refuse" | "detach" | "disconnect" | "lose-confirmation" | "delay";

/** A fault to come. It ends after `times` or `timeoutMs`, whichever is first. */
export interface Fault {
  readonly on: FaultPoint;
  readonly action: FaultAction;
  /** Only for this hub; of tokens, connections and HTTP requests this is not known. */
  readonly hub?: string;
  /** Only for this partition, where one is named. */
  readonly partition?: string;
  /** Only for links that publish, or only for those that receive. */
  readonly role?: "publish" | "receive";
  /** How often; once unless told otherwise, 1,000,000 at most. */
  readonly times?: number;
  /** How long at most, milliseconds; a minute unless told otherwise, ten minutes at most. */
  readonly timeoutMs?: number;
  /** For `refuse` and `detach`: an AMQP condition; `amqp:internal-error` unless told otherwise. */
  readonly condition?: string;
  readonly description?: string;
  /** For `delay`: milliseconds, a minute at most. */
  readonly delayMs?: number;
}

/** A fault that cannot be. */
export class InvalidFault extends Error {
  override name = "InvalidFault";
}

const MAX_TIMES = 1_000_000;
const MAX_FOR_MS = 600_000;
const DEFAULT_FOR_MS = 60_000;
const MAX_DELAY_MS = 60_000;

const POSSIBLE: Readonly<Record<FaultPoint, readonly FaultAction[]>> = {
  connect: ["refuse", "delay"],
  token: ["throttle", "refuse", "disconnect", "delay"],
  attach: ["throttle", "refuse", "disconnect"],
  publish: ["throttle", "refuse", "detach", "disconnect", "lose-confirmation", "delay"],
  deliver: ["detach", "disconnect", "delay"],
  management: ["throttle", "refuse", "disconnect", "delay"],
  http: ["throttle", "refuse", "disconnect", "delay"],
};

/** A fault with nothing left open. */
export interface CheckedFault extends Fault {
  readonly times: number;
  readonly timeoutMs: number;
  readonly delayMs: number;
}

/** Checks a fault, which may have come from outside as JSON, and fills in what it leaves open. */
export function checkFault(fault: Fault): CheckedFault {
  const actions = Object.hasOwn(POSSIBLE, fault.on) ? POSSIBLE[fault.on] : undefined;
  if (actions === undefined)
    throw new InvalidFault(`'on' must be one of ${Object.keys(POSSIBLE).join(", ")}`);
  if (!actions.includes(fault.action)) {
    throw new InvalidFault(`'action' on ${fault.on} must be one of ${actions.join(", ")}`);
  }
  for (const name of ["hub", "partition", "role", "condition", "description"] as const) {
    if (fault[name] !== undefined && typeof fault[name] !== "string")
      throw new InvalidFault(`'${name}' must be a text`);
  }
  return {
    ...fault,
    times: numberIn("times", fault.times ?? 1, MAX_TIMES),
    timeoutMs: numberIn("timeoutMs", fault.timeoutMs ?? DEFAULT_FOR_MS, MAX_FOR_MS),
    delayMs: fault.action === "delay" ? numberIn("delayMs", fault.delayMs ?? 0, MAX_DELAY_MS) : 0,
  };
}

function numberIn(name: string, value: number, max: number): number {
  if (typeof value !== "number" || !(value > 0) || value > max) {
    throw new InvalidFault(`'${name}' must be a number above 0, ${max} at most`);
  }
  return value;
}
