import type { IncomingRecord } from "../client.ts";

/** A partition being read, for as long as it is this consumer's to read, with what was fetched and not handed out. */
export class Lane {
  /** What core knows it by. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  /** The offset to fetch next. */
  position: number;
  /** False once the partition has gone to someone else. */
  alive = true;
  /** Handed out no more: it is going. */
  closing = false;
  /** Core asked to hold it back. */
  held = false;
  /** Part of a fetch under way. */
  fetching = false;
  /** Not to be fetched before this time, after a failure. */
  retryAt = 0;
  #records: readonly IncomingRecord[] = [];
  #head = 0;

  constructor(topic: string, partition: number, position: number) {
    this.id = `${topic}-${partition}`;
    this.topic = topic;
    this.partition = partition;
    this.position = position;
  }

  get buffered(): number {
    return this.#records.length - this.#head;
  }

  get open(): boolean {
    return this.alive && !this.closing;
  }

  append(records: readonly IncomingRecord[], nextOffset: number): void {
    this.position = nextOffset;
    if (records.length === 0) return;
    this.#records = this.buffered === 0 ? records : [...this.#records.slice(this.#head), ...records];
    this.#head = 0;
  }

  /** The oldest record not handed out, which stays. */
  peek(): IncomingRecord | undefined {
    return this.#records[this.#head];
  }

  /** Takes the oldest record. */
  shift(): IncomingRecord | undefined {
    const record = this.#records[this.#head];
    if (record === undefined) return undefined;
    if (++this.#head === this.#records.length) this.#clear();
    return record;
  }

  /** The partition is no longer ours, or soon will not be: forget what was fetched. */
  stop(how: "closing" | "gone"): void {
    if (how === "gone") this.alive = false;
    this.closing = true;
    this.#clear();
  }

  #clear(): void {
    this.#records = [];
    this.#head = 0;
  }
}
