/** The AMQP conditions with which the service says no. */
export const CONDITION = {
  notFound: "amqp:not-found",
  unauthorized: "amqp:unauthorized-access",
  argument: "com.microsoft:argument-error",
  argumentRange: "com.microsoft:argument-out-of-range",
  stolen: "amqp:link:stolen",
  tooLarge: "amqp:link:message-size-exceeded",
  quota: "amqp:resource-limit-exceeded",
  busy: "com.microsoft:server-busy",
  exists: "com.microsoft:entity-already-exists",
  connectionForced: "amqp:connection:forced",
  detachForced: "amqp:link:detach-forced",
  notAllowed: "amqp:not-allowed",
  notImplemented: "amqp:not-implemented",
  decode: "amqp:decode-error",
  internal: "amqp:internal-error",
} as const;

/** A refusal, in the terms in which a client is to hear of it. */
export class ServiceError extends Error {
  override name = "ServiceError";
  readonly condition: string;

  constructor(condition: string, description: string) {
    super(description);
    this.condition = condition;
  }
}

export function entityNotFound(path: string): ServiceError {
  return new ServiceError(CONDITION.notFound, `The messaging entity '${path}' could not be found.`);
}
