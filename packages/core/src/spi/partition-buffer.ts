import { Deque } from "../runtime/deque.ts";

/** Something that was fetched, and how many bytes it takes: body, key and headers. */
export interface BufferedItem {
  readonly bytes: number;
}

/** A queue that has held more than this is given up once it is empty: one burst is not to keep its memory for ever. */
const largeQueue = 1_024;

/**
 * A partition being read, for as long as it is this consumer's to read, with what was fetched
 * and not handed out. An adapter extends it with how its broker is read.
 */
export class PartitionBuffer<T extends BufferedItem> {
  /** What core knows the partition by. */
  readonly id: string;
  /** False once the partition has gone to someone else. */
  isAlive = true;
  /** Handed out no more: the partition is being released. */
  isClosing = false;
  /** Core asked to fetch no more of it and to hand none of it out. */
  isPaused = false;
  #items = new Deque<T>();
  #bytes = 0;
  #isLarge = false;

  constructor(id: string) {
    this.id = id;
  }

  /** The number of items that were fetched and not handed out. */
  get buffered(): number {
    return this.#items.size;
  }

  /** The bytes of these items. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it is this consumer's to read, and to go on being so. */
  get isOpen(): boolean {
    return this.isAlive && !this.isClosing;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
    if (this.#items.size > largeQueue) this.#isLarge = true;
  }

  /** The oldest item not handed out, which stays. */
  peek(): T | undefined {
    return this.#items.peek();
  }

  /** Takes the oldest item. */
  shift(): T | undefined {
    const item = this.#items.shift();
    if (item === undefined) return undefined;
    this.#bytes -= item.bytes;
    if (this.#isLarge && this.#items.size === 0) this.#clear();
    return item;
  }

  /** The partition is no longer ours, or soon will not be: drops what was fetched and not handed out. */
  stop(how: "closing" | "gone"): void {
    if (how === "gone") this.isAlive = false;
    this.isClosing = true;
    this.#clear();
  }

  #clear(): void {
    this.#items = new Deque();
    this.#bytes = 0;
    this.#isLarge = false;
  }
}
