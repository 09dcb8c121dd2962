import { Deque } from "../runtime/deque.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { deliveriesOf, lossesAlone } from "./handed-back-marks.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** How often a suspect is run alone, and takes its process down, before it is given up. */
const runsAlone = 2;
/** Without marks: how many deliveries beyond the allowed attempts end the doubt where the counts of all others are as high. */
const endOfDoubt = 10;

/**
 * Messages whose count has reached the limit though nobody knows of that many attempts: one of
 * them may take its process down each time, and the others are its neighbours. The first is run
 * alone; while they end well, or run for a while without harm, more run at once, so that what a kill
 * left behind is soon at full speed again.
 *
 * A message is given up when it took its process down again and again since it was handed back with the mark
 * that says it is to run alone, and never more than one before another has ended well.
 *
 * Where the broker cannot keep a mark, only its count survives a process, and must tell the one from the others:
 * what ran alone is counted once more, and its neighbours, handed back before, are not. There a message is given up
 * when its count is that far above all others.
 */
export class Suspects {
  readonly #waiting = new Deque<InFlightDelivery>();
  /** How many may run at once. 0: the next one runs alone. */
  #allowed = 0;
  #running = 0;
  #gaveUp = false;
  readonly #keepsMarks: boolean;
  /** The highest count received, whose it was, and the highest of any other message. */
  #highest = { id: "", count: 0 };
  #highestOfOthers = 0;

  /** `keepsMarks`: whether the broker keeps the count that a message is handed back with. */
  constructor(keepsMarks: boolean) {
    this.#keepsMarks = keepsMarks;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** True when the next one must have the process for itself. */
  get needsIsolation(): boolean {
    return this.#waiting.size > 0 && this.#allowed === 0;
  }

  /** The one that is to run first. */
  get next(): InFlightDelivery | undefined {
    return this.#waiting.peek();
  }

  /** Notes how often the broker has delivered a message. */
  noteCount(message: ReceivedMessage): void {
    const { id } = message;
    const count = deliveriesOf(message);
    // A first delivery tells nothing, and is nearly all there is.
    if (count <= 1) return;
    if (id === this.#highest.id) {
      this.#highest.count = Math.max(this.#highest.count, count);
    } else if (count > this.#highest.count) {
      this.#highestOfOthers = this.#highest.count;
      this.#highest = { id, count };
    } else {
      this.#highestOfOthers = Math.max(this.#highestOfOthers, count);
    }
  }

  /** True when it has been run alone often enough: once before another suspect has ended well. */
  isGuilty(message: ReceivedMessage, maxAttempts: number): boolean {
    if (this.#gaveUp) return false;
    const guilty = this.#keepsMarks
      ? this.lossesOf(message) >= runsAlone
      : this.#standsOut(message, maxAttempts);
    if (guilty) this.#gaveUp = true;
    return guilty;
  }

  /** How often it took its process down when it had run alone. */
  lossesOf(message: ReceivedMessage): number {
    return lossesAlone(message, this.redeliveriesOfOthers(message));
  }

  /** The most redeliveries of any other message that was received; 0 where none had come before. */
  redeliveriesOfOthers({ id }: ReceivedMessage): number {
    return Math.max(0, this.#countOfOthers(id) - 1);
  }

  #countOfOthers(id: string): number {
    return id === this.#highest.id ? this.#highestOfOthers : this.#highest.count;
  }

  #standsOut(message: ReceivedMessage, maxAttempts: number): boolean {
    const count = deliveriesOf(message);
    const others = this.#countOfOthers(message.id);
    return count > Math.max(maxAttempts, others) + runsAlone || count > maxAttempts + runsAlone + endOfDoubt;
  }

  add(delivery: InFlightDelivery): void {
    this.#waiting.push(delivery);
  }

  /** Whether one of them may run now. */
  get mayTake(): boolean {
    return this.#waiting.size > 0 && this.#running < this.#allowed;
  }

  /** The next one that may run now. */
  take(): InFlightDelivery | undefined {
    return this.mayTake ? this.#waiting.shift() : undefined;
  }

  started(): void {
    this.#running++;
  }

  /** It has not taken the process down: more of them may run at once. */
  ended(): void {
    this.#running--;
    this.#gaveUp = false;
    this.#allowed = Math.max(2, this.#allowed + 1);
  }

  /** Those that run have done so for a while without harm: twice as many may. */
  grow(): void {
    this.#allowed = Math.max(2, 2 * this.#allowed);
  }

  /** There was no isolation to be had in time: they run among the others, one at first. */
  goOnWithout(): void {
    this.#allowed = Math.max(1, this.#allowed);
  }

  retain(keep: (delivery: InFlightDelivery) => boolean): void {
    this.#waiting.retain(keep);
  }
}
