import { styleText } from "node:util";
import { endingSignals } from "../command.ts";

/** How long tests may take to end and brokers to be taken down, in milliseconds, before this process goes all the same. */
const endTimeoutMs = 120_000;

/**
 * Fires when somebody ends this process or when it has run for so many minutes.
 * This process itself stays, to take down what it started.
 */
export function runLimit(minutes: number): AbortSignal {
  const limit = new AbortController();
  const end = (why: string) => {
    if (limit.signal.aborted) return;
    console.error(styleText("red", `\n${why}: ending the tests that run.`));
    limit.abort();
    setTimeout(() => {
      console.error("It takes too long to end, so this process goes before it is done.");
      process.exit(1);
    }, endTimeoutMs).unref();
  };
  for (const signal of endingSignals) process.on(signal, () => end(`${signal} was received`));
  setTimeout(() => end(`${minutes} minutes are over`), minutes * 60_000).unref();
  return limit.signal;
}
