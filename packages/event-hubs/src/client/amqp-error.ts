/** What an AMQP peer, or the lack of one, says went wrong. Its condition is AMQP's own or Microsoft's. */
export class AmqpError extends Error {
  override readonly name = "AmqpError";
  readonly condition: string;

  constructor(condition: string, description: string, cause?: unknown) {
    super(description === "" ? condition : description, cause === undefined ? undefined : { cause });
    this.condition = condition;
  }

  /** From the error of a detach, a close or a disposition; `fallback` where the peer gave none. */
  static from(error: unknown, fallback: string): AmqpError {
    const { condition, description, message } = (error ?? {}) as Record<string, unknown>;
    const said = typeof description === "string" ? description : typeof message === "string" ? message : "";
    return new AmqpError(typeof condition === "string" ? condition : fallback, said, error);
  }
}

/** Conditions of this adapter's own making: the peer says nothing in these cases. */
export const ownConditions = {
  disconnected: "waybill:disconnected",
  timeout: "waybill:timeout",
  closed: "waybill:closed",
} as const;

/** The AMQP condition of an error, or of the first of its causes that has one. */
export function conditionOf(error: unknown): string | undefined {
  let link = error;
  for (let depth = 0; depth < 10 && typeof link === "object" && link !== null; depth++) {
    const { condition, cause } = link as { condition?: unknown; cause?: unknown };
    if (typeof condition === "string") return condition;
    link = cause;
  }
  return undefined;
}
