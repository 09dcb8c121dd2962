import type { BrokerName } from "./names.ts";

export interface ProblemDetails {
  /** What the reader can do about it: a flag, a variable or a command. */
  readonly remedy?: string | null;
  /** The last lines of the log that tells why. */
  readonly log?: string | null;
  readonly broker?: BrokerName | null;
  readonly cause?: unknown;
}

/** Why a broker cannot be started, stopped or controlled, and what to do about it. */
export class BrokerProblem extends Error {
  override readonly name = "BrokerProblem";
  readonly broker: BrokerName | null;
  readonly remedy: string | null;
  readonly log: string | null;

  constructor(message: string, details: ProblemDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.broker = details.broker ?? null;
    this.remedy = details.remedy ?? null;
    this.log = details.log ?? null;
  }
}
