import type { Message } from "@aws-sdk/client-sqs";
import {
  type Call,
  type Consumer,
  PushQueue,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  systemClock,
  within,
} from "@waybill/core/spi";
import { tens } from "./batches.ts";
import type { Clients } from "./clients.ts";
import type { SqsDelivery } from "./delivery.ts";
import { decode } from "./mapping.ts";
import { LongPolls } from "./receiving/long-polls.ts";
import { type Order, Orders } from "./receiving/orders.ts";
import { isEarly, putBack } from "./receiving/put-back.ts";

/** How long closing waits for polls and the hand-back, in milliseconds; what is later still happens, unwaited. */
const patienceMs = 4_500;

/** What is left of a lease less than this, in milliseconds, is left to run out. */
const handBackMs = 500;

export interface SqsConsumerParts {
  readonly clients: Clients;
  readonly url: string;
  readonly ordered: boolean;
  readonly waitSeconds: number;
  readonly leaseSeconds: number;
  readonly polls: number;
  /** A reply path: what comes is settled on arrival. */
  readonly settledOnArrival: boolean;
  readonly report: (cause: unknown) => void;
  /** Polling failed, and will not go on. */
  readonly onFailed: (cause: unknown) => void;
  /** Everything has ended: takes away what this consumer alone had. `failed`: core will open another. */
  readonly onEnded: (failed: boolean) => Promise<void>;
}

/** Receives from one queue, settles there, and hands back. */
export class SqsConsumer implements Consumer {
  readonly #parts: SqsConsumerParts;
  readonly #leaseMs: number;
  readonly #queue = new PushQueue<SqsDelivery>();
  readonly #polls: LongPolls;
  readonly #orders: Orders;
  /** In the queue: core has had no room for them yet. */
  readonly #waiting = new Set<SqsDelivery>();
  /** Handed to core, and not settled or being settled. */
  readonly #held = new Set<SqsDelivery>();
  /** What core waits for now. */
  #wanted = 0;
  #failed = false;
  /** What is being put back or handed back. */
  #returning: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Resolves when the last poll has ended, and what it brought is handed back. */
  #ended: Promise<void> | undefined;

  constructor(parts: SqsConsumerParts) {
    this.#parts = parts;
    const { clients, url, ordered, waitSeconds, leaseSeconds, polls, report } = parts;
    this.#leaseMs = leaseSeconds * 1_000;
    this.#orders = new Orders(clients.sqs, url);
    this.#polls = new LongPolls({
      sqs: clients.receiving,
      url,
      waitSeconds,
      leaseSeconds,
      polls,
      ordered,
      wanted: () => this.#wanted - this.#queue.size,
      onMessages: (messages) => this.#arrived(messages),
      onFailed: (cause) => {
        this.#failed = true;
        parts.onFailed(cause);
        this.#queue.fail(cause);
      },
      onDamaged: report,
    });
  }

  async receive(max: number, { signal }: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    this.#wanted = max;
    this.#polls.pump();
    const taken = await this.#queue.receive(max, signal);
    this.#wanted = 0;
    if (this.#parts.settledOnArrival) return taken;
    for (const delivery of taken) this.#waiting.delete(delivery);
    // What lay here and could not be renewed may be someone else's before core renews it.
    const soon = performance.now() + this.#leaseMs * 0.4;
    const ours = taken.filter(({ leasedUntil }) => leasedUntil > soon);
    for (const delivery of ours) this.#held.add(delivery);
    return ours;
  }

  async settle(batch: readonly Settlement[], _call: Call): Promise<readonly SettleOutcome[]> {
    const outcomes = new Array<SettleOutcome>(batch.length).fill("settled");
    if (this.#closing !== undefined) return outcomes.fill("lost");
    const orders: Order[] = [];
    const now = performance.now();
    for (let index = 0; index < batch.length; index++) {
      const settlement = batch[index] as Settlement;
      const delivery = settlement.delivery as SqsDelivery;
      this.#held.delete(delivery);
      // A standard queue answers a late deletion with success, whoever has the message by now.
      if (delivery.leasedUntil <= now) outcomes[index] = "lost";
      else orders.push({ index, delivery, seconds: visibility(settlement) });
    }
    await this.#orders.carryOut(orders, outcomes);
    // What SQS did not take is still ours.
    for (const { index, delivery } of orders)
      if (typeof outcomes[index] === "object") this.#held.add(delivery);
    return outcomes;
  }

  /**
   * Renews what waits here, too: it would be lost before core has room for it, and each
   * loss counts as an attempt. What is being settled is left alone: a retry that is made
   * to wait by this would wait for a whole lease.
   */
  async extend(batch: readonly ReceivedMessage[], _call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    const ours = batch as readonly SqsDelivery[];
    const now = performance.now();
    // SQS lets an old receipt change a message that is someone else's by now.
    for (const delivery of this.#held) if (delivery.leasedUntil <= now) this.#held.delete(delivery);
    const held = ours.filter((delivery) => this.#held.has(delivery));
    const waiting = [...this.#waiting].filter((delivery) => delivery.leasedUntil > now);
    const seconds = this.#parts.leaseSeconds;
    const orders = [...held, ...waiting].map((delivery, index) => ({ index, delivery, seconds }));
    const outcomes = new Array<SettleOutcome>(orders.length).fill("settled");
    const leasedUntil = now + this.#leaseMs;
    await this.#orders.carryOut(orders, outcomes);
    let failure: { readonly cause: unknown } | undefined;
    for (const { index, delivery } of orders) {
      const outcome = outcomes[index] as SettleOutcome;
      // An answer may come after that to a later call.
      if (outcome === "settled") delivery.leasedUntil = Math.max(delivery.leasedUntil, leasedUntil);
      else if (outcome === "lost") delivery.leasedUntil = 0;
      else failure ??= outcome;
    }
    if (failure !== undefined) throw failure.cause;
    return ours.filter((delivery) => delivery.leasedUntil <= now);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For whoever destroys the clients: resolves when nothing of this consumer is under way any more. */
  ended(): Promise<void> {
    void this.close();
    return this.#ended ?? Promise.resolve();
  }

  #arrived(messages: readonly Message[]): void {
    const { clients, url, ordered, settledOnArrival } = this.#parts;
    // SQS counted from when it sent them, which was a while ago.
    const leasedUntil = performance.now() + this.#leaseMs * 0.9;
    const now = Date.now();
    const early: SqsDelivery[] = [];
    const arrived: SqsDelivery[] = [];
    for (const message of messages) {
      const delivery = decode(message, ordered);
      delivery.leasedUntil = leasedUntil;
      // A queue that keeps order has no delays; what claims one there is not of ours.
      if (!ordered && isEarly(delivery, now)) early.push(delivery);
      else arrived.push(delivery);
    }
    // What cannot be put back now comes again when its lease is over, and is early or not.
    if (early.length > 0) this.#return(putBack(clients.sqs, url, early));
    if (this.#closing !== undefined) return void this.#handBack(arrived);
    for (const delivery of arrived) this.#queue.push(delivery);
    if (settledOnArrival) void this.#orders.carryOut(arrived.map(deletion), []);
    else for (const delivery of arrived) this.#waiting.add(delivery);
  }

  async #close(): Promise<void> {
    this.#ended = this.#end();
    await within(systemClock, patienceMs, this.#ended);
  }

  async #end(): Promise<void> {
    const { settledOnArrival, onEnded } = this.#parts;
    const stopped = this.#polls.stop();
    const held = [...this.#held, ...this.#waiting];
    this.#held.clear();
    this.#waiting.clear();
    this.#queue.remove(() => true);
    if (!settledOnArrival) await this.#handBack(held);
    await stopped;
    await this.#returning;
    await onEnded(this.#failed);
  }

  #handBack(held: readonly SqsDelivery[]): Promise<void> {
    // Too late for what may be someone else's while it is on its way.
    const soon = performance.now() + handBackMs;
    const ours = held.filter(({ leasedUntil }) => leasedUntil > soon);
    return this.#return(this.#parts.ordered ? this.#makeVisible(ours) : this.#putBack(ours));
  }

  #return(work: Promise<unknown>): Promise<void> {
    this.#returning = Promise.all([this.#returning, work]).then(() => {});
    return this.#returning;
  }

  async #putBack(held: readonly SqsDelivery[]): Promise<void> {
    const { clients, url } = this.#parts;
    await this.#makeVisible(await putBack(clients.sqs, url, held));
  }

  /**
   * The last first, one request after another: while the first of a message group is
   * still ours, SQS gives none of the group to anybody. Counts as a delivery.
   */
  async #makeVisible(held: readonly SqsDelivery[]): Promise<void> {
    const orders = [...held].reverse().map((delivery, index) => ({ index, delivery, seconds: 0 }));
    // Where it fails, the lease gives them back, later.
    for (const run of tens(orders)) await this.#orders.carryOut(run, []);
  }
}

/** For how long the message is to be invisible, in seconds; `undefined` to delete it. */
function visibility(settlement: Settlement): number | undefined {
  return settlement.outcome === "ack" ? undefined : Math.ceil(settlement.delayMs / 1_000);
}

function deletion(delivery: SqsDelivery, index: number): Order {
  return { index, delivery, seconds: undefined };
}
