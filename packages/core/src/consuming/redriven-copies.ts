import { BoundedMap } from "../runtime/bounded-map.ts";
import type { Address } from "../spi/address.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { copyNameOf } from "./dead-lettered-copies.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import { runsOf } from "./run-marks.ts";

/** The most bytes of names and marks that a subscription remembers redriven copies by. */
const maxBytes = 1024 * 1024;
const bytesPerRun = 20;

interface Expected {
  /** The redrives that have brought it back. */
  readonly runs: readonly string[];
  /** `undefined`: it is done. */
  original: InFlightDelivery | undefined;
}

/**
 * Copies that a redrive has published and that have still to come. Where one stands behind all that waits for it, its
 * original runs first, and the copy is recognised when it comes. A copy that is forgotten is handled like any message.
 */
export class RedrivenCopies {
  readonly #address: Address;
  readonly #expected = new BoundedMap<Expected>(maxBytes);
  /** Messages whose keys went on without them, and the redrives that each had been through. */
  readonly #passedOver = new BoundedMap<readonly string[]>(maxBytes);

  constructor(address: Address) {
    this.#address = address;
  }

  /** This run has brought the message back: its original runs at once. */
  expect(original: InFlightDelivery, run: string): void {
    const name = this.#nameOf(original.message);
    const runs = [...(this.#expected.get(name)?.runs ?? []), run];
    this.#expected.set(name, { runs, original }, bytesPerRun * runs.length);
  }

  /** The original is done, and its copy with it. */
  done(original: InFlightDelivery): void {
    const expected = this.#of(original);
    if (expected !== undefined) expected.original = undefined;
  }

  /** The broker has the original back, and delivers it again: its copy is a message like any other. */
  forget(original: InFlightDelivery): void {
    if (this.#of(original) !== undefined) this.#expected.delete(this.#nameOf(original.message));
  }

  /** Its copy seemed to be removed, and its key went on. */
  passOver({ message, markedHeaders }: InFlightDelivery): void {
    const runs = runsOf(markedHeaders);
    this.#passedOver.set(this.#nameOf(message), runs, bytesPerRun * runs.length);
  }

  /** The original of this message, or `"done"` where that has ended. `undefined`: it is no copy that is expected. */
  originalOf(message: ReceivedMessage): InFlightDelivery | "done" | undefined {
    if (this.#expected.size === 0) return undefined;
    const expected = this.#expected.get(this.#nameOf(message));
    const run = runsOf(message.headers).at(-1);
    if (expected === undefined || run === undefined || !expected.runs.includes(run)) return undefined;
    return expected.original ?? "done";
  }

  /** Whether a redrive has brought this message back after its key had gone on without it. Says so once. */
  comesLate(message: ReceivedMessage): boolean {
    if (this.#passedOver.size === 0) return false;
    const name = this.#nameOf(message);
    const before = this.#passedOver.get(name);
    if (before === undefined || runsOf(message.headers).every((run) => before.includes(run))) return false;
    return this.#passedOver.delete(name);
  }

  #of(original: InFlightDelivery): Expected | undefined {
    if (this.#expected.size === 0) return undefined;
    const expected = this.#expected.get(this.#nameOf(original.message));
    return expected?.original === original ? expected : undefined;
  }

  #nameOf(message: ReceivedMessage): string {
    return copyNameOf(this.#address, message);
  }
}
