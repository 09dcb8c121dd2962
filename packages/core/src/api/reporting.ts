import { MessagingError } from "../errors/messaging-error.ts";
import { errorLine, stackOf } from "../errors/render-error.ts";
import { callSafely } from "../runtime/call-safely.ts";
import { observedArguments } from "./observed-message.ts";
import type { Observer } from "./observer.ts";

/**
 * Where a client writes what happens. Each method is called as pino has it: with plain data
 * (for an error: its `toJSON`, which holds no credentials) and then with a sentence. The
 * `console` itself is given one line of text instead, and stacks as `debug`. None of them need be quick, and one that
 * throws or rejects harms nothing.
 */
export interface Logger {
  debug(data: object, message: string): unknown;
  info(data: object, message: string): unknown;
  warn(data: object, message: string): unknown;
  error(data: object, message: string): unknown;
}

type Level = keyof Logger;

/** The console of the runtime, as far as it is used. */
type Console = Readonly<Record<Level, (line: string) => void>>;

/**
 * The one place to which every part of a client reports. Each report goes to `onError`, if there
 * is one, and to the logger; neither can harm whoever reports.
 */
export class Reporter {
  readonly #logger: Logger;
  readonly #onError: ((error: MessagingError) => unknown) | undefined;

  constructor(logger: Logger | false | undefined, onError: ((error: MessagingError) => unknown) | undefined) {
    this.#logger = loggerFor(logger);
    this.#onError = onError;
  }

  /** Something went wrong that nobody else is told of. Bound, so that it can be handed on. */
  readonly error = (error: MessagingError): void => this.#report("error", error);

  /** Something went another way than planned, and nothing is broken: a dropped request, a message given up. */
  readonly warn = (error: MessagingError): void => this.#report("warn", error);

  #report(level: "warn" | "error", error: MessagingError): void {
    callSafely(
      () => this.#onError?.(error),
      (thrown) => this.#thrown("onError", thrown),
    );
    callSafely(
      () => this.#logger[level](error, error.message),
      (thrown) => toConsole("error", `The logger threw: ${errorLine(thrown)}`),
    );
  }

  #thrown(owner: string, thrown: unknown): void {
    const error = new MessagingError("INVALID_ARGUMENT", `The client's \`${owner}\` threw.`, {
      remedy: "Catch inside it: it is only told, and nobody waits for it.",
      cause: thrown,
    });
    callSafely(
      () => this.#logger.error(error, error.message),
      () => {},
    );
  }

  /** The observer, made harmless: what it throws is reported once for each of its methods. */
  observer(observer: Observer | undefined): Observer | undefined {
    if (observer === undefined) return undefined;
    const safe: Record<string, (...given: readonly unknown[]) => void> = {};
    for (const name of observerMethods) {
      const method = observer[name] as ((...given: readonly unknown[]) => unknown) | undefined;
      if (method === undefined) continue;
      let isTold = false;
      const onThrow = (cause: unknown) => {
        if (isTold) return;
        isTold = true;
        this.error(
          new MessagingError("INVALID_ARGUMENT", `The observer's \`${name}\` threw; this is told once.`, {
            remedy: "Catch inside it: it is only told, and nobody waits for it.",
            cause,
          }),
        );
      };
      const observed = observedArguments[name] as (...given: readonly unknown[]) => readonly unknown[];
      safe[name] = (...given) => callSafely(() => method.apply(observer, [...observed(...given)]), onThrow);
    }
    return safe as Observer;
  }
}

/** Every method of an observer; a new one is a compile error here until it is listed. */
export const observerMethods = Object.keys({
  published: true,
  received: true,
  handled: true,
  settled: true,
  keyBlocked: true,
  connection: true,
} satisfies Record<keyof Observer, true>) as readonly (keyof Observer)[];

function loggerFor(given: Logger | false | undefined): Logger {
  if (given === false) return silent;
  // By default only what somebody should look at; who passes the console asks for all of it.
  if (given === undefined) return { ...textual(false), debug: nothing, info: nothing };
  return (given as unknown) === globalThis.console ? textual(true) : structured(given);
}

const nothing = () => undefined;
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** One line of text for each report, and the stack of its cause beneath as a matter of debugging. */
function textual(hasStacks: boolean): Logger {
  const line = (level: Level) => (data: object, message: string) => {
    const isError = data instanceof Error;
    toConsole(level, isError ? errorLine(data) : message);
    const stack = isError && hasStacks ? stackOf(data) : "";
    if (stack !== "") toConsole("debug", `\n${stack}`);
  };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function structured(logger: Logger): Logger {
  const call = (level: Level) => (data: object, message: string) =>
    logger[level](MessagingError.isInstance(data) ? data.toJSON() : data, message);
  return { debug: call("debug"), info: call("info"), warn: call("warn"), error: call("error") };
}

function toConsole(level: Level, text: string): void {
  const { console } = globalThis as { console?: Console };
  console?.[level](`[waybill] ${text}`);
}
