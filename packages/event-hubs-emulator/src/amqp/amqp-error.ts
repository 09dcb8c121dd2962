import { CONDITION, ServiceError } from "../namespace/service-error.ts";

/** An error as rhea takes it; all three fields are sent, since some clients count on them. */
export interface AmqpError {
  readonly condition: string;
  readonly description: string;
  readonly info: undefined;
}

/** What a client is told of an error; of one that is nobody's business only what could not be done. */
export function amqpError(error: unknown, otherwise: string): AmqpError {
  const { condition, message } =
    error instanceof ServiceError ? error : { condition: CONDITION.internal, message: otherwise };
  return { condition, description: message, info: undefined };
}
