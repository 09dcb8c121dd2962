import { command, type RedisClient } from "./redis-client.ts";

/** How long an answer is counted on, in milliseconds: a steady clock may go wrong by seconds a day. */
const freshMs = 60_000;
/** An answer that took longer says too little, in milliseconds, while there is another… */
const slowMs = 200;
/** …that is no older than this. */
const oldMs = 10 * 60_000;

/** What Redis's own clock shows: what TIME has told, and the steady time since. */
export class ServerTime {
  readonly #client: RedisClient;
  #told: { readonly time: number; readonly at: number } | undefined;
  #asking = false;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Never rejects: who may not ask goes by a clock of its own. */
  async ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const before = performance.now();
    try {
      const [seconds, microseconds] = (await command(this.#client, "time", [])) as readonly unknown[];
      const after = performance.now();
      const time = Number(String(seconds)) * 1_000 + Number(String(microseconds)) / 1_000;
      const isNeeded = this.#told === undefined || after - this.#told.at > oldMs;
      if (Number.isFinite(time) && (isNeeded || after - before <= slowMs))
        this.#told = { time, at: (before + after) / 2 };
    } catch {
      // What was told before still counts.
    }
    this.#asking = false;
  }

  /** Milliseconds since the epoch; `undefined` where Redis has not told. */
  now(): number | undefined {
    if (this.#told === undefined) return undefined;
    const { time, at } = this.#told;
    const passed = performance.now() - at;
    if (passed > freshMs) void this.ask();
    return time + passed;
  }
}
