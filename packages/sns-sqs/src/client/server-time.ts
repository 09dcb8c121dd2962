import type { SQSClient } from "@aws-sdk/client-sqs";

/** A response's date counts whole seconds: half of one is the best guess of the rest. In milliseconds. */
const halfSecondMs = 500;
/** By how much clocks must differ before one corrects the other, in milliseconds: well beyond whole seconds and a slow network. */
const toleratedMs = 2_000;

/** What the service's own clock shows, by the dates of its responses. */
export class ServerTime {
  /** To be added to the steady time, while this computer's clock is evidently wrong. */
  #correction: number | undefined;
  #isKnown = false;

  /** Reads the date of every response from now on. */
  follow(client: SQSClient): void {
    // A client that the application gives may be one of its tests'.
    client.middlewareStack?.add(
      (next) => async (args) => {
        const result = await next(args);
        const { headers } = (result.response ?? {}) as {
          readonly headers?: Readonly<Record<string, string>>;
        };
        this.note(headers?.date);
        return result;
      },
      { step: "deserialize", name: "waybillServerTime", override: true },
    );
  }

  /** `date`: the header of a response that has just come. */
  note(date: string | undefined): void {
    const told = Date.parse(date ?? "") + halfSecondMs;
    if (Number.isNaN(told)) return;
    this.#isKnown = true;
    if (Math.abs(told - Date.now()) <= toleratedMs) this.#correction = undefined;
    else if (Math.abs(told - (this.now() ?? 0)) > toleratedMs / 2)
      this.#correction = told - performance.now();
  }

  /** Milliseconds since the epoch; `undefined` before any response. */
  now(): number | undefined {
    if (!this.#isKnown) return undefined;
    return this.#correction === undefined ? Date.now() : performance.now() + this.#correction;
  }
}
