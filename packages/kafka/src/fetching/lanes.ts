import { KafkaDelivery } from "../mapping.ts";
import type { Lane } from "./lane.ts";

/**
 * All lanes of one consumer: the fetcher fills them, core takes from them in turn,
 * so that one full partition does not keep the others waiting.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #prefetch: number;
  #held: ReadonlySet<string> = new Set();
  #paused = false;
  #turn = 0;
  /** Grows whenever core takes something. */
  taken = 0;
  #failure: { readonly cause: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Called when a lane may have room again. */
  onRoom: () => void = () => {};
  /** Called when records have arrived. */
  onFilled: () => void = () => {};

  constructor(prefetch: number) {
    this.#prefetch = prefetch;
  }

  get all(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** Whether some lane has all that it may buffer, and waits for core to take of it. */
  get someFull(): boolean {
    const share = this.#share();
    for (const lane of this.#lanes.values())
      if (lane.open && !lane.held && lane.buffered >= share) return true;
    return false;
  }

  get(topic: string, partition: number): Lane | undefined {
    return this.#lanes.get(`${topic}-${partition}`);
  }

  add(lane: Lane): void {
    lane.held = this.#held.has(lane.id);
    this.#lanes.set(lane.id, lane);
    this.onRoom();
  }

  /** Forgets a lane that is gone. */
  delete(lane: Lane): void {
    if (this.#lanes.get(lane.id) === lane) this.#lanes.delete(lane.id);
  }

  hold(ids: readonly string[]): void {
    this.#held = new Set(ids);
    for (const lane of this.#lanes.values()) lane.held = this.#held.has(lane.id);
    this.filled();
    this.onRoom();
  }

  /** Hands out nothing until it is called again with false. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    if (!paused) this.filled();
  }

  /** The lanes to fetch: those that run low, so that the next records are on their way before the last are taken. */
  hungry(now: number): Lane[] {
    const share = this.#share();
    const hungry: Lane[] = [];
    for (const lane of this.#lanes.values()) {
      if (lane.open && !lane.held && !lane.fetching && lane.retryAt <= now && lane.buffered < share) {
        hungry.push(lane);
      }
    }
    return hungry;
  }

  /** What one lane may buffer before it is not fetched any further. */
  #share(): number {
    return Math.max(1, Math.floor(this.#prefetch / Math.max(1, this.#lanes.size)));
  }

  /** Records have arrived. */
  filled(): void {
    this.#wake?.();
    this.onFilled();
  }

  /** What is buffered can still be received; then `receive` rejects. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#wake?.();
  }

  /** Resolves with 1 to `max` deliveries, or none when the time is over or the signal fires. */
  async receive(max: number, signal: AbortSignal, waitMs = 5_000): Promise<readonly KafkaDelivery[]> {
    let taken = this.#take(max);
    if (taken.length === 0 && this.#failure === undefined && !signal.aborted) {
      await this.#arrival(signal, waitMs);
      taken = this.#take(max);
    }
    this.taken += taken.length;
    if (taken.length > 0) this.onRoom();
    else if (this.#failure !== undefined) throw this.#failure.cause;
    return taken;
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
      this.#wake = () => {
        if (this.#failure !== undefined || this.#ready().length > 0) done();
      };
    });
  }

  #ready(): Lane[] {
    const ready: Lane[] = [];
    if (this.#paused) return ready;
    for (const lane of this.#lanes.values())
      if (lane.open && !lane.held && lane.buffered > 0) ready.push(lane);
    return ready;
  }

  #take(max: number): KafkaDelivery[] {
    const taken: KafkaDelivery[] = [];
    const ready = this.#ready();
    const start = this.#turn++;
    for (let i = 0; i < ready.length && taken.length < max; i++) {
      const lane = ready[(start + i) % ready.length] as Lane;
      const fair = Math.ceil((max - taken.length) / (ready.length - i));
      for (let left = Math.min(fair, lane.buffered); left > 0; left--) {
        const record = lane.shift();
        if (record !== undefined) taken.push(new KafkaDelivery(lane, record));
      }
    }
    return taken;
  }
}
