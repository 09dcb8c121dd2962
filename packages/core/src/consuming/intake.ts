import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { ConsumerSession } from "./consumer-session.ts";
import type { DeliveryScheduler } from "./delivery-scheduler.ts";

export interface IntakeContext {
  readonly clock: Clock;
  readonly scheduler: DeliveryScheduler;
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
  #session: ConsumerSession | undefined;

  constructor(context: IntakeContext) {
    this.#context = context;
  }

  /** There may be room again. */
  changed(): void {
    this.#wake?.();
    // A partition that is no longer stuck goes on now, and not when an idle `receive` comes back.
    if (this.#session !== undefined && this.#session.pausedPartitions.length > 0)
      this.#mayGoOn(this.#session);
  }

  /** Receives until the signal fires. Rejects when this consumer cannot go on. */
  async run(session: ConsumerSession, signal: AbortSignal, onReceived: () => void): Promise<void> {
    const { clock, scheduler } = this.#context;
    this.#session = session;
    let breathedAt = clock.now();
    while (!signal.aborted) {
      const room = this.#room(session);
      if (room === 0) {
        await this.#change(signal);
        continue;
      }
      const askedAt = clock.now();
      const batch = await session.consumer.receive(room, { signal });
      if (signal.aborted) return;
      onReceived();
      // While the broker let us wait, everybody had their turn.
      const waitedUntil = clock.now();
      if (waitedUntil - askedAt >= breatheEveryMs) breathedAt = waitedUntil;
      if (batch.length > 0) scheduler.admit(session, batch);
      if (clock.now() - breathedAt >= breatheEveryMs) {
        // A broker that always has more must not starve the timers of this process.
        await sleep(clock, 0);
        breathedAt = clock.now();
      }
    }
  }

  /** How many deliveries to ask for now. */
  #room(session: ConsumerSession): number {
    const { scheduler, prefetch, cumulative } = this.#context;
    if (cumulative && !this.#mayGoOn(session)) return 0;
    const room = prefetch - scheduler.held;
    // While there is work at hand, ask for a good number at once rather than for one at a time.
    if (scheduler.queued > 0 && room < prefetch / 4) return 0;
    // Half at most, so that one half is fetched while the other is handled and settled.
    return Math.max(0, Math.min(room, Math.ceil(prefetch / 2)));
  }

  /**
   * Under cumulative settlement, what ended behind a stuck head takes no place in the
   * prefetch, and needs a bound of its own: such a partition is fetched no further, and the
   * others go on. Answers false where the broker cannot hold back single partitions.
   */
  #mayGoOn(session: ConsumerSession): boolean {
    const { consumer } = session;
    const most = 2 * this.#context.prefetch;
    const blocked: string[] = [];
    for (const partition of session.partitions) if (partition.blocked >= most) blocked.push(partition.name);
    if (consumer.pausePartitions === undefined) return blocked.length === 0;
    if (blocked.join() !== session.pausedPartitions.join()) {
      session.pausedPartitions = blocked;
      consumer.pausePartitions(blocked);
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
