import type { Observer } from "../api/observer.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { shown } from "../errors/shown.ts";
import type { Clock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers, ReceivedMessage } from "../spi/message.ts";
import type { KnownAttempts } from "./attempt-memory.ts";
import type { DeadLetterWatch } from "./dead-letter-watch.ts";
import { copyNameOf, DeadLetteredCopies } from "./dead-lettered-copies.ts";
import { isMarkedAsGivenUp } from "./handed-back-marks.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import { RedrivenCopies } from "./redriven-copies.ts";
import { runsOf, withRun } from "./run-marks.ts";
import { sourceText } from "./source-text.ts";

export interface BlockedKeysContext {
  readonly address: Address;
  readonly deadLetter: Address;
  readonly watch: DeadLetterWatch;
  /** Whether the broker tells what it has delivered before. */
  readonly countsDeliveries: boolean;
  /** A partition is the same object for as long as this consumer has it. */
  readonly keepsPartitions: boolean;
  readonly clock: Clock;
  readonly observer: Observer | undefined;
  readonly onWarning: (warning: MessagingError) => void;
  /** Fires when the subscription closes. */
  readonly signal: AbortSignal;
}

/** What blocked keys ask of whoever decides when each delivery has its turn. */
export interface BlockedKeysHost {
  /** Its copy is in the dead-letter queue no more: it is done, and its key goes on. */
  unblock(delivery: InFlightDelivery): void;
  /** A redrive has brought its copy back, which may be long in coming: it runs in its place. */
  runAgain(delivery: InFlightDelivery, markedHeaders: Headers): void;
  /** It was never given up: it may run. */
  clear(delivery: InFlightDelivery): void;
  /** Whoever's turn it is now may start, and what there is room for may be received. */
  proceed(): void;
}

/** How often to look for the copies of messages that came again, and how long to wait in between, in milliseconds. */
const mostLooks = 3;
const betweenLooksMs = 1_000;

/**
 * The keys of one subscription that wait for dead-lettered messages. The message that blocks a key is
 * not settled, so that it comes again, and blocks again, whoever gets the key next: whether it was
 * given up already, its dead-letter queue tells.
 */
export class BlockedKeys {
  readonly #context: BlockedKeysContext;
  readonly #host: BlockedKeysHost;
  /** Whoever blocks a key, by the key, and how to stop watching for its copy. */
  readonly #blocking = new Map<string, { readonly delivery: InFlightDelivery; readonly stop: () => void }>();
  /** They came again, and nobody knows yet whether they were given up. */
  readonly #unknown = new Set<InFlightDelivery>();
  /** They came again, and their keys were told of when they blocked them before. */
  readonly #toldOf = new WeakSet<InFlightDelivery>();
  /** Where nothing is counted: what was in the dead-letter queue when a partition, or a consumer, began. */
  readonly #atBegin = new WeakMap<object, DeadLetteredCopies>();
  readonly #copies: RedrivenCopies;
  #asking = false;
  #toldFull = false;

  constructor(context: BlockedKeysContext, host: BlockedKeysHost) {
    this.#context = context;
    this.#host = host;
    this.#copies = new RedrivenCopies(context.address);
  }

  /** How many keys wait. */
  get size(): number {
    return this.#blocking.size;
  }

  /** Notes of a message that has come whether it was given up before, or finds out. */
  admit(delivery: InFlightDelivery, known: (KnownAttempts & { readonly unknown: number }) | undefined): void {
    if (delivery.message.key === undefined) return;
    const { countsDeliveries } = this.#context;
    if (known?.unknown === 0 && (known.blocks || countsDeliveries)) {
      delivery.isDeadLettered = known.blocks;
      if (known.blocks) this.#toldOf.add(delivery);
      return;
    }
    if (isMarkedAsGivenUp(delivery.message)) {
      // Should its copy be gone, it has been removed, or is on its way back: watching for it tells which.
      delivery.isDeadLettered = true;
      return;
    }
    if (countsDeliveries && delivery.message.redeliveries === 0) return;
    const copies = this.#copiesAtBegin(delivery);
    if (copies !== undefined) {
      delivery.isDeadLettered = this.#isIn(copies, delivery);
      return;
    }
    delivery.isDeadLettered = undefined;
    this.#unknown.add(delivery);
    void this.#ask();
  }

  /** It has its key's turn, and has been given up. */
  add(delivery: InFlightDelivery): void {
    const { address, watch } = this.#context;
    const stop = watch.watch(copyNameOf(address, delivery.message), {
      onGone: () => {
        this.#copies.passOver(delivery);
        this.#host.unblock(delivery);
      },
      onRedriven: (run) => this.#redriven(delivery, run),
    });
    this.#blocking.set(delivery.message.key as string, { delivery, stop });
    if (this.#toldOf.has(delivery)) return;
    this.#context.observer?.keyBlocked?.(address, delivery.message);
    this.#tell(delivery);
  }

  /** It blocks no more, or is here no more. */
  remove(delivery: InFlightDelivery): void {
    this.#unknown.delete(delivery);
    const { key } = delivery.message;
    const blocking = key === undefined ? undefined : this.#blocking.get(key);
    if (blocking?.delivery !== delivery) return;
    this.#toldFull = false;
    blocking.stop();
    this.#blocking.delete(key as string);
  }

  /**
   * What waits behind blocked keys may be why nothing more is received, or nothing more of these partitions: that is
   * told of once. What another client redrives into them is not seen before.
   */
  noteFull(partitions: readonly string[] = []): void {
    if (this.#toldFull || this.#blocking.size === 0) return;
    this.#toldFull = true;
    const { address, deadLetter, onWarning } = this.#context;
    const where = partitions.length === 0 ? "" : ` from partition ${shown(partitions.join(", "))}`;
    onWarning(
      new MessagingError(
        "KEY_BLOCKED",
        `Nothing more of "${address.name}" is received${where}: as much as may be held waits, and ${this.#blocking.size} of its ordering keys are blocked.`,
        {
          remedy: `Redrive what is in "${deadLetter.name}" by the client that consumes, or remove it; or raise \`prefetch\` and \`prefetchBytes\`.`,
        },
      ),
    );
  }

  /** The one that blocks its key, where this message is its copy, brought back by a redrive since. */
  originalOf(message: ReceivedMessage): InFlightDelivery | undefined {
    const original = message.key === undefined ? undefined : this.#blocking.get(message.key)?.delivery;
    if (original === undefined || original.message.id !== message.id) return undefined;
    const runs = runsOf(original.markedHeaders);
    return runsOf(message.headers).some((run) => !runs.includes(run)) ? original : undefined;
  }

  /** Where this message is a copy that was redriven before it came: its original, or `"done"`. */
  expectedOriginalOf(message: ReceivedMessage): InFlightDelivery | "done" | undefined {
    if (this.#copies.comesLate(message)) this.#tellLate(message);
    return this.#copies.originalOf(message);
  }

  /** The broker has its settlement, or it was dead-lettered once more. */
  done(delivery: InFlightDelivery): void {
    this.#copies.done(delivery);
  }

  /** It is gone from here unsettled. */
  forget(delivery: InFlightDelivery): void {
    this.#copies.forget(delivery);
  }

  #redriven(delivery: InFlightDelivery, run: string): void {
    const { markedHeaders } = delivery;
    this.#copies.expect(delivery, run);
    this.#host.runAgain(delivery, {
      ...markedHeaders,
      [deadLetterHeaders.redriveRun]: withRun(markedHeaders, run),
    });
    this.#host.proceed();
  }

  /** One look for all that have come until it begins. */
  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { watch, clock, signal } = this.#context;
    // So that a batch is asked for as one.
    await Promise.resolve();
    while (this.#unknown.size > 0 && !signal.aborted) {
      const asked = [...this.#unknown].filter((delivery) => {
        const copies = this.#copiesAtBegin(delivery);
        if (copies !== undefined) this.#conclude(delivery, this.#isIn(copies, delivery));
        return copies === undefined;
      });
      for (let looks = 1; asked.length > 0; looks++) {
        const copies = await watch.ask();
        for (const delivery of asked)
          if (copies !== undefined && this.#isIn(copies, delivery)) this.#conclude(delivery, true);
        if (copies?.isComplete || looks === mostLooks) {
          // Better once too often than never: what could not be found out runs.
          for (const delivery of asked) {
            if (!this.#context.countsDeliveries)
              this.#atBegin.set(this.#beginningOf(delivery), copies ?? new DeadLetteredCopies());
            this.#conclude(delivery, false);
          }
          break;
        }
        await sleep(clock, betweenLooksMs, signal);
        if (signal.aborted) break;
      }
    }
    this.#asking = false;
  }

  #conclude(delivery: InFlightDelivery, isDeadLettered: boolean): void {
    if (!this.#unknown.delete(delivery)) return;
    delivery.isDeadLettered = isDeadLettered;
    // Else its turn has not come yet.
    if (delivery.state !== "blocking") return;
    if (isDeadLettered) this.add(delivery);
    else this.#host.clear(delivery);
    this.#host.proceed();
  }

  /** What a delivery that the broker does not count is judged by, once it is known. */
  #copiesAtBegin(delivery: InFlightDelivery): DeadLetteredCopies | undefined {
    if (delivery.message.redeliveries > 0) return undefined;
    return this.#atBegin.get(this.#beginningOf(delivery));
  }

  #isIn(copies: DeadLetteredCopies, { message }: InFlightDelivery): boolean {
    return copies.has(copyNameOf(this.#context.address, message), message.headers);
  }

  #beginningOf({ partition, session }: InFlightDelivery): object {
    return (this.#context.keepsPartitions ? partition : undefined) ?? session;
  }

  #tellLate({ id, key }: ReceivedMessage): void {
    const { address, onWarning } = this.#context;
    onWarning(
      new MessagingError(
        "KEY_BLOCKED",
        `A redriven message (${shown(id)}) of the ordering key ${shown(key)} of ${sourceText(address)} came when its key had gone on without it.`,
        {
          remedy: "Redrive by the client that consumes, so that the message is handled in its place.",
          details: { id, key, source: address.name, group: address.group },
        },
      ),
    );
  }

  #tell({ message }: InFlightDelivery): void {
    const { address, deadLetter, onWarning } = this.#context;
    const { name, group } = address;
    const of = sourceText(address);
    onWarning(
      new MessagingError(
        "KEY_BLOCKED",
        `The ordering key ${shown(message.key)} of ${of} waits for a dead-lettered message (${shown(message.id)}).`,
        {
          remedy: `Redrive that message, or remove it from "${deadLetter.name}".`,
          details: {
            id: message.id,
            key: message.key,
            source: name,
            group,
            deadLetterQueue: deadLetter.name,
          },
        },
      ),
    );
  }
}
