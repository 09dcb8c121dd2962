import type { Message } from "rhea";
import { EventHubsDelivery } from "../mapping.ts";
import type { Lane } from "./lane.ts";

/** All partitions of one consumer: taken from in turn, none of them filled beyond its share of the prefetch. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #prefetch: number;
  #held: ReadonlySet<string> = new Set();
  #turn = 0;
  #failure: { readonly cause: unknown } | undefined;
  #wake: (() => void) | undefined;
  #waking = false;
  /** Called when something has arrived for this lane. */
  onArrival: ((lane: Lane) => void) | undefined;

  constructor(prefetch: number) {
    this.#prefetch = prefetch;
  }

  get all(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** By partition: a consumer reads one hub. */
  get(partition: string): Lane | undefined {
    return this.#lanes.get(partition);
  }

  add(lane: Lane): void {
    lane.held = this.#held.has(lane.id);
    this.#lanes.set(lane.partition, lane);
  }

  /** Forgets a lane that is gone. */
  delete(lane: Lane): void {
    if (this.#lanes.get(lane.partition) !== lane) return;
    this.#lanes.delete(lane.partition);
    this.ask();
  }

  hold(ids: readonly string[]): void {
    this.#held = new Set(ids);
    for (const lane of this.#lanes.values()) lane.held = this.#held.has(lane.id);
    this.ask();
    this.#hurry();
  }

  /** Asks for what there is room for. */
  ask(): void {
    const share = this.#share();
    for (const lane of this.#lanes.values()) lane.topUp(share);
  }

  arrived(lane: Lane, message: Message, sequenceNumber: number, wanted: boolean): void {
    lane.arrived(message, sequenceNumber, wanted);
    if (!wanted) lane.topUp(this.#share());
    else {
      this.#hurry();
      this.onArrival?.(lane);
    }
  }

  /** What is buffered can still be received; then `receive` rejects. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#wake?.();
  }

  /** Resolves with 1 to `max` deliveries, or none when the time is over or the signal fires. */
  async receive(max: number, signal: AbortSignal, waitMs = 5_000): Promise<readonly EventHubsDelivery[]> {
    let taken = this.#take(max);
    if (taken.length === 0 && this.#failure === undefined && !signal.aborted) {
      await this.#arrival(signal, waitMs);
      taken = this.#take(max);
    }
    if (taken.length === 0 && this.#failure !== undefined) throw this.#failure.cause;
    return taken;
  }

  /** What one lane may hold before it is asked for no more. */
  #share(): number {
    return Math.max(1, Math.floor(this.#prefetch / Math.max(1, this.#lanes.size)));
  }

  /** Not at once: what came in the same piece from the network goes along. */
  #hurry(): void {
    if (this.#wake === undefined || this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      if (this.#ready().length > 0) this.#wake?.();
    });
  }

  #arrival(signal: AbortSignal, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
  }

  #ready(): Lane[] {
    const ready: Lane[] = [];
    for (const lane of this.#lanes.values())
      if (lane.open && !lane.held && lane.buffered > 0) ready.push(lane);
    return ready;
  }

  #take(max: number): EventHubsDelivery[] {
    const taken: EventHubsDelivery[] = [];
    const ready = this.#ready();
    const share = this.#share();
    const start = this.#turn++;
    for (let i = 0; i < ready.length && taken.length < max; i++) {
      const lane = ready[(start + i) % ready.length] as Lane;
      const fair = Math.ceil((max - taken.length) / (ready.length - i));
      for (let left = Math.min(fair, lane.buffered); left > 0; left--) {
        const message = lane.shift();
        if (message !== undefined) taken.push(new EventHubsDelivery(lane, message));
      }
      lane.topUp(share);
    }
    return taken;
  }
}
