import type { Message } from "rhea";

/** What a lane reads through: the part of a receiver that it needs. */
interface Tap {
  addCredit(credit: number): void;
  close(): void;
}

/** A partition being read, for as long as it is this consumer's to read, with what has come and was not handed out. */
export class Lane {
  /** What core knows it by. */
  readonly id: string;
  readonly hub: string;
  readonly partition: string;
  /** The sequence number of the last message that came; reading goes on behind it. */
  last: number;
  /** The same of the last one that was wanted; what lies behind it was for others. */
  lastWanted: number;
  /** How far core has settled. */
  settled: number;
  /** The offset of the last message that came, if it was for others. */
  skippedOffset = "-1";
  /** False once the partition has gone to someone else. */
  alive = true;
  /** Handed out no more: it is going. */
  closing = false;
  /** Core asked to hold it back. */
  held = false;
  #tap: Tap | undefined;
  /** Asked for and not come yet. */
  #credit = 0;
  #messages: Message[] = [];
  #head = 0;

  constructor(hub: string, partition: string, last: number) {
    this.id = `${hub}-${partition}`;
    this.hub = hub;
    this.partition = partition;
    this.last = last;
    this.lastWanted = last;
    this.settled = last;
  }

  /** Reading begins behind this message. To be called before anything has come. */
  beginBehind(sequenceNumber: number): void {
    this.last = sequenceNumber;
    this.lastWanted = sequenceNumber;
    this.settled = sequenceNumber;
  }

  /** Whether core has settled all that it was, or is to be, handed. */
  get isDone(): boolean {
    return this.settled >= this.lastWanted;
  }

  get buffered(): number {
    return this.#messages.length - this.#head;
  }

  get open(): boolean {
    return this.alive && !this.closing;
  }

  /** Reads through this from now on; `undefined` while there is no link. */
  attach(tap: Tap | undefined): void {
    this.#tap = tap;
    this.#credit = 0;
    if (tap !== undefined && !this.open) this.stop(this.alive ? "closing" : "gone");
  }

  /** A message has come. `wanted` is false for those that are for others: they only take their place in line. */
  arrived(message: Message, sequenceNumber: number, wanted: boolean): void {
    this.#credit--;
    if (!this.open) return;
    this.last = sequenceNumber;
    if (!wanted) return;
    this.lastWanted = sequenceNumber;
    this.#messages.push(message);
  }

  /** Asks for more, so that what is here and what is asked for come to `most`. In large portions, to ask seldom. */
  topUp(most: number): void {
    if (this.#tap === undefined || !this.open || this.held) return;
    const missing = most - this.buffered - this.#credit;
    if (missing < Math.max(1, most / 4)) return;
    this.#credit += missing;
    this.#tap.addCredit(missing);
  }

  /** The oldest message not handed out, which stays. */
  peek(): Message | undefined {
    return this.#messages[this.#head];
  }

  /** Takes the oldest message. */
  shift(): Message | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#messages[this.#head] = undefined as never;
    if (++this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    } else if (this.#head > 1_024) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }

  /** The partition is no longer ours, or soon will not be: forget what came and ask for no more. */
  stop(how: "closing" | "gone"): void {
    if (how === "gone") this.alive = false;
    this.closing = true;
    this.#messages = [];
    this.#head = 0;
    this.#tap?.close();
    this.#tap = undefined;
  }
}
