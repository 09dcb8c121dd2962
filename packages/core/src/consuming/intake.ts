import { sleep } from "../client/sleep.ts";
import type { Clock } from "../spi/clock.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Generation } from "./generation.ts";

export interface IntakeContext {
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  /** The most deliveries to hold. */
  readonly prefetch: number;
  readonly cumulative: boolean;
}

/** How often, in milliseconds, a busy receive loop lets timers and sockets have their turn. */
const breatheEveryMs = 10;

/** Asks consumers for deliveries: never for more than there is room for. */
export class Intake {
  readonly #context: IntakeContext;
  #wake: (() => void) | undefined;
  /** The one being received from. */
  #generation: Generation | undefined;

  constructor(context: IntakeContext) {
    this.#context = context;
  }

  /** There may be room again. */
  changed(): void {
    this.#wake?.();
    // A lane that is no longer stuck goes on now, and not when an idle `receive` comes back.
    if (this.#generation !== undefined && this.#generation.heldBack.length > 0)
      this.#mayGoOn(this.#generation);
  }

  /** Receives until the signal fires. Rejects when this consumer cannot go on. */
  async run(generation: Generation, signal: AbortSignal, onReceived: () => void): Promise<void> {
    const { clock, dispatcher } = this.#context;
    this.#generation = generation;
    let breathedAt = clock.now();
    while (!signal.aborted) {
      const room = this.#room(generation);
      if (room === 0) {
        await this.#change(signal);
        continue;
      }
      const askedAt = clock.now();
      const batch = await generation.consumer.receive(room, { signal });
      if (signal.aborted) return;
      onReceived();
      // While the broker let us wait, everybody had their turn.
      const waitedUntil = clock.now();
      if (waitedUntil - askedAt >= breatheEveryMs) breathedAt = waitedUntil;
      if (batch.length > 0) dispatcher.admit(generation, batch);
      if (clock.now() - breathedAt >= breatheEveryMs) {
        // A broker that always has more must not starve the timers of this process.
        await sleep(clock, 0);
        breathedAt = clock.now();
      }
    }
  }

  /** How many deliveries to ask for now. */
  #room(generation: Generation): number {
    const { dispatcher, prefetch, cumulative } = this.#context;
    if (cumulative && !this.#mayGoOn(generation)) return 0;
    const room = prefetch - dispatcher.held;
    // While there is work at hand, ask for a good number at once rather than for one at a time.
    if (dispatcher.queued > 0 && room < prefetch / 4) return 0;
    // Half at most, so that one half is fetched while the other is handled and settled.
    return Math.max(0, Math.min(room, Math.ceil(prefetch / 2)));
  }

  /**
   * Under cumulative settlement, what ended behind a stuck head takes no place in the
   * prefetch, and needs a bound of its own: such a lane is fetched no further, and the
   * others go on. Answers false where the broker cannot hold back single lanes.
   */
  #mayGoOn(generation: Generation): boolean {
    const { consumer } = generation;
    const most = 2 * this.#context.prefetch;
    const blocked: string[] = [];
    for (const lane of generation.lanes) if (lane.blocked >= most) blocked.push(lane.name);
    if (consumer.holdBack === undefined) return blocked.length === 0;
    if (blocked.join() !== generation.heldBack.join()) {
      generation.heldBack = blocked;
      consumer.holdBack(blocked);
    }
    return true;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener("abort", done, { once: true });
    });
  }
}
