import { MessagingError, queue } from "@waybill/core";
import { closeGraceMs } from "./limits.ts";
import type { ModelClient } from "./model-client.ts";
import { oddError } from "./odd-errors.ts";
import type { Command } from "./program.ts";
import type { SystemParts } from "./system-parts.ts";

interface Question {
  readonly n: number;
  readonly answer: Answer;
}

type Answer = (Command & { readonly do: "request" })["answer"];

/** The queue of all requests of a program. */
export const askedName = "asked";
const asked = queue<Question, Question, { readonly n: number }>(askedName, { reply: {} });

/** Begins a responder, which does what each question says. */
export function respond(
  { clock, deadlines, healed, settings, log }: SystemParts,
  { client, number }: ModelClient,
): void {
  if (client === undefined) return;
  const answer = async ({ n, answer }: Question) => {
    if (answer === "throws") throw new Error("no answer");
    if (answer === "throws oddly") throw oddError("getter that throws");
    if (answer === "is slow" && !healed.signal.aborted)
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, 2_000));
    if (answer === "never" && !healed.signal.aborted)
      await new Promise<void>((resolve) =>
        healed.signal.addEventListener("abort", () => resolve(), { once: true }),
      );
    return { n };
  };
  const retry = { maxAttempts: settings.maxAttempts, backoff: { initialMs: settings.backoffMs } };
  const begun = client.respond(asked, { concurrency: 2, retry }, answer).then(
    () => log(`client ${number} responds`),
    (error) => log(`client ${number} cannot respond: ${String(error)}`),
  );
  deadlines.begun("a responder begins", 75_000, begun);
}

/** Asks, and does not wait for the reply: it is to come, or an error, in time. */
export function request(
  { deadlines, model, log }: SystemParts,
  { client, number }: ModelClient,
  command: Command & { readonly do: "request" },
  n: number,
): void {
  if (client === undefined) return;
  const { timeoutMs, answer } = command;
  const replied = client.request(asked, { n, answer }, { timeoutMs }).then(
    (reply) => {
      log(`client ${number} has the reply to request ${n}`);
      if (reply.n !== n) model.violated("requests", `request ${n} got the reply to ${reply.n}`);
    },
    (error) => {
      log(
        `client ${number} has no reply to request ${n}: ${MessagingError.isInstance(error) ? error.code : String(error)}`,
      );
      if (!MessagingError.isInstance(error))
        model.violated("errors", `request rejected with ${String(error)}`);
    },
  );
  deadlines.begun(`request ${n}`, timeoutMs + closeGraceMs, replied);
}
