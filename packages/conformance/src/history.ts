import assert from "node:assert/strict";

/** What travels: which stream, and which number in it. Small, so that 100,000 of them are cheap. */
export interface Numbered {
  /** The producer. */
  readonly p: string;
  /** The ordering key; empty for none. */
  readonly k: string;
  /** The number within the stream of this producer and key, from 0. */
  readonly n: number;
}

export interface HistoryOptions {
  /** Each key's messages must come in the order of publishing. Default: false. */
  readonly ordered?: boolean;
  /** Messages may come again (a crash, a lost connection): then a stream may go back to what was seen. Default: false. */
  readonly redelivery?: boolean;
}

/** How many of each. `lost`, `duplicated`, `reordered` and `phantom` are faults of the deliveries. */
export interface Counts {
  /** Confirmed by the broker. */
  published: number;
  /** Deliveries in all, over all readers. */
  delivered: number;
  /** Confirmed and never delivered to a reader that should have had it. */
  lost: number;
  /** Deliveries beyond the first, to one reader. */
  duplicated: number;
  /** Deliveries that came after a later one of their key. */
  reordered: number;
  /** Deliveries of what nobody published. */
  phantom: number;
}

export const noCounts = (): Counts => ({
  published: 0,
  delivered: 0,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  phantom: 0,
});

const sent = 0;
const confirmed = 1;

/** What was published in one stream: a byte a message. */
interface Stream {
  length: number;
  states: Uint8Array;
}

/** What one reader saw of one stream: a byte a message. */
interface View {
  seen: Uint8Array;
  highest: number;
  last: number;
}

interface Reader {
  readonly views: Map<string, View>;
  delivered: number;
  duplicated: number;
  reordered: number;
  phantom: number;
}

/**
 * Keeps what was published and what was delivered, and tells what went wrong
 * in between. A reader is whoever should get every message: a group, a queue, a
 * broadcast subscription. Members of one group record under the same name.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #readers = new Map<string, Reader>();
  #published = 0;

  constructor(options: HistoryOptions = {}) {
    this.#options = options;
  }

  /** Names readers beforehand, so that one that gets nothing at all counts as having lost everything. */
  expect(...readers: readonly string[]): void {
    for (const reader of readers) this.#reader(reader);
  }

  /** The next message to publish in a stream. */
  next(key = "", producer = "a"): Numbered {
    const id = streamId(producer, key);
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = { length: 0, states: new Uint8Array(64) };
      this.#streams.set(id, stream);
    }
    const n = stream.length++;
    stream.states = grown(stream.states, n);
    stream.states[n] = sent;
    return { p: producer, k: key, n };
  }

  /** The broker confirmed it. What is never confirmed may be delivered or not: both are right. */
  confirm(message: Numbered): void {
    const stream = this.#streams.get(streamId(message.p, message.k));
    assert(stream !== undefined && message.n < stream.length, "confirmed what was never made");
    if (stream.states[message.n] === confirmed) return;
    stream.states[message.n] = confirmed;
    this.#published++;
  }

  /** Publishes the next message of a stream with `publish`, and confirms it when that resolves. */
  async publish(
    publish: (message: Numbered) => Promise<unknown>,
    key?: string,
    producer?: string,
  ): Promise<Numbered> {
    const message = this.next(key, producer);
    await publish(message);
    this.confirm(message);
    return message;
  }

  /** A reader got it. */
  deliver(message: Numbered, readerName = "reader"): void {
    const reader = this.#reader(readerName);
    reader.delivered++;
    const id = streamId(message.p, message.k);
    const stream = this.#streams.get(id);
    if (stream === undefined || !(message.n >= 0 && message.n < stream.length)) {
      reader.phantom++;
      return;
    }
    let view = reader.views.get(id);
    if (view === undefined) {
      view = { seen: new Uint8Array(stream.states.length), highest: -1, last: -1 };
      reader.views.set(id, view);
    }
    view.seen = grown(view.seen, message.n);
    const times = view.seen[message.n] as number;
    if (times > 0) reader.duplicated++;
    if (this.#options.ordered) {
      // A first delivery below the highest is a swap. Going back to what was seen
      // before is a replay, which only a redelivery can explain.
      const replay = times > 0 && this.#options.redelivery;
      if (message.n < view.highest && message.n < view.last && !replay) reader.reordered++;
      else if (message.n < view.highest && times === 0) reader.reordered++;
    }
    if (times < 255) view.seen[message.n] = times + 1;
    if (message.n > view.highest) view.highest = message.n;
    view.last = message.n;
  }

  /** True once every confirmed message has reached every one of these readers (default: all readers known). */
  complete(...readers: readonly string[]): boolean {
    return this.counts(...readers).lost === 0 && (readers.length > 0 || this.#readers.size > 0);
  }

  /** `deliver` as a handler, for the one reader of a history that has no other. */
  readonly record = (message: Numbered): void => this.deliver(message);

  /** How many distinct messages reached this reader. */
  distinct(readerName = "reader"): number {
    const reader = this.#reader(readerName);
    return reader.delivered - reader.duplicated - reader.phantom;
  }

  /** How often this reader got this message. */
  times(message: Numbered, readerName = "reader"): number {
    return this.#reader(readerName).views.get(streamId(message.p, message.k))?.seen[message.n] ?? 0;
  }

  counts(...names: readonly string[]): Counts {
    const counts = noCounts();
    counts.published = this.#published;
    const readers = names.length > 0 ? names.map((name) => this.#reader(name)) : this.#readers.values();
    for (const reader of readers) {
      counts.delivered += reader.delivered;
      counts.duplicated += reader.duplicated;
      counts.reordered += reader.reordered;
      counts.phantom += reader.phantom;
      counts.lost += this.#lost(reader);
    }
    return counts;
  }

  /**
   * Throws unless nothing is lost, reordered or phantom, and no more than
   * `duplicates` (default 0) came again.
   */
  check(allowed: { readonly duplicates?: number } = {}): void {
    const counts = this.counts();
    const { duplicates = 0 } = allowed;
    const bad: string[] = [];
    if (counts.lost > 0) bad.push(`${counts.lost} lost`);
    if (counts.reordered > 0) bad.push(`${counts.reordered} reordered`);
    if (counts.phantom > 0) bad.push(`${counts.phantom} phantom`);
    if (counts.duplicated > duplicates) bad.push(`${counts.duplicated} duplicated (${duplicates} allowed)`);
    if (bad.length > 0) {
      assert.fail(`${bad.join(", ")}; published ${counts.published}, delivered ${counts.delivered}`);
    }
  }

  #lost(reader: Reader): number {
    let lost = 0;
    for (const [id, stream] of this.#streams) {
      const seen = reader.views.get(id)?.seen;
      for (let n = 0; n < stream.length; n++) {
        if (stream.states[n] === confirmed && (seen?.[n] ?? 0) === 0) lost++;
      }
    }
    return lost;
  }

  #reader(name: string): Reader {
    let reader = this.#readers.get(name);
    if (reader === undefined) {
      reader = { views: new Map(), delivered: 0, duplicated: 0, reordered: 0, phantom: 0 };
      this.#readers.set(name, reader);
    }
    return reader;
  }
}

const streamId = (producer: string, key: string) => `${producer}\u0000${key}`;

function grown(bytes: Uint8Array, index: number): Uint8Array {
  if (index < bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(index + 1, bytes.length * 2));
  larger.set(bytes);
  return larger;
}
