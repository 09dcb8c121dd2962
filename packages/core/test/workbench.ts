import type { ClientOptions } from "../src/api/options.ts";
import type { Client, MessagingError } from "../src/index.ts";
import { connect } from "../src/index.ts";
import type { FeaturesOf } from "../src/spi/capabilities.ts";
import type { ReceivedMessage, WireMessage } from "../src/spi/message.ts";
import { ManualClock } from "./manual-clock.ts";
import { type everything, type Script, ScriptedDriver } from "./scripted-driver.ts";

export interface Workbench {
  readonly client: Client<FeaturesOf<typeof everything>>;
  readonly driver: ScriptedDriver;
  readonly clock: ManualClock;
  /** What arrived at `onError`. */
  readonly errors: MessagingError[];
}

/** A client on a scripted driver, with time held still. */
export async function connected(
  script: Script = {},
  options: Omit<ClientOptions, "clock" | "onError"> = {},
): Promise<Workbench> {
  const clock = new ManualClock();
  const errors: MessagingError[] = [];
  const driver = new ScriptedDriver(script);
  const client = await connect(driver, {
    clock,
    logger: false,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { client, driver, clock, errors };
}

let count = 0;

/** A JSON message as a broker delivers it. */
export function delivery(value: unknown, rest: Partial<ReceivedMessage> = {}): ReceivedMessage {
  return {
    id: `d-${++count}`,
    body: new TextEncoder().encode(JSON.stringify(value)),
    contentType: "application/json",
    key: undefined,
    timestamp: 0,
    headers: Object.create(null),
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    redeliveries: 0,
    partition: undefined,
    position: undefined,
    native: undefined,
    ...rest,
  };
}

/** The values of messages that were sent as JSON. */
export function values(messages: readonly Pick<WireMessage, "body">[]): unknown[] {
  return messages.map(({ body }) => JSON.parse(new TextDecoder().decode(body)));
}

/** How a promise ended: its error, or undefined. Attach it at once, so that no rejection goes unheard. */
export function failureOf(promise: Promise<unknown>): Promise<MessagingError | undefined> {
  return promise.then(
    () => undefined,
    (error) => error,
  );
}

/** A promise that a test settles itself. */
export interface Gate<T> {
  readonly opened: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
}

export function gate<T = void>(): Gate<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { opened: promise, open: resolve, fail: reject };
}

/** Never settles. */
export const never = new Promise<never>(() => {});
