import type { Message } from "@aws-sdk/client-sqs";
import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  nothingStarted,
  OutstandingMessages,
  PrefetchEstimate,
  PushQueue,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  systemClock,
  within,
} from "@waybill/core/spi";
import { longestHiddenMs } from "./capabilities.ts";
import { tens } from "./client/batches.ts";
import type { Clients } from "./client/clients.ts";
import { restOfDelay } from "./delays/rest-of-delay.ts";
import { SnsSqsDelivery } from "./delivery.ts";
import { LongPolls } from "./receiving/long-polls.ts";
import { putBack } from "./receiving/put-back.ts";
import { type SettlementRequest, SettlementRequests } from "./receiving/settlement-requests.ts";

/** How long closing waits for polls and the hand-back, in milliseconds; what is later still happens, unwaited. */
const closeTimeoutMs = 4_500;

/** What is left of a lease less than this, in milliseconds, is left to run out. */
const handBackMs = 500;

export interface SnsSqsConsumerParts {
  readonly clients: Clients;
  readonly url: string;
  readonly ordered: boolean;
  readonly waitSeconds: number;
  readonly leaseSeconds: number;
  readonly polls: number;
  /** The most bytes held, as far as they can be foreseen. One message always fits. */
  readonly prefetchBytes: number;
  /** A reply path: what comes is acked on arrival. */
  readonly autoAck: boolean;
  readonly report: (cause: unknown) => void;
  /** Polling failed, and will not go on. */
  readonly onFailed: (cause: unknown) => void;
  /** Everything has ended: takes away what this consumer alone had. `failed`: core will open another. */
  readonly onEnded: (failed: boolean) => Promise<void>;
}

/** Receives from one queue, settles there, and hands back. */
export class SnsSqsConsumer implements Consumer {
  readonly #parts: SnsSqsConsumerParts;
  readonly #leaseMs: number;
  readonly #queue = new PushQueue<SnsSqsDelivery>();
  readonly #polls: LongPolls;
  readonly #requests: SettlementRequests;
  readonly #outstanding = new OutstandingMessages<SnsSqsDelivery>();
  readonly #estimate: PrefetchEstimate;
  /** What core waits for now. */
  #wanted = 0;
  #failed = false;
  /** What is being put back or handed back. */
  #returning: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;
  /** Resolves when the last poll has ended, and what it brought is handed back. */
  #ended: Promise<void> | undefined;

  constructor(parts: SnsSqsConsumerParts) {
    this.#parts = parts;
    const { clients, url, ordered, waitSeconds, leaseSeconds, polls, report } = parts;
    this.#leaseMs = leaseSeconds * 1_000;
    this.#estimate = new PrefetchEstimate(parts.prefetchBytes);
    this.#requests = new SettlementRequests(clients.sqs, url);
    this.#polls = new LongPolls({
      sqs: clients.receiving,
      url,
      waitSeconds,
      leaseSeconds,
      polls,
      ordered,
      wanted: () => Math.min(this.#wanted - this.#queue.size, this.#estimate.room(this.#outstanding.bytes)),
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
    this.#outstanding.dropExpired(performance.now());
    this.#polls.pump();
    const taken = await this.#queue.receive(max, signal);
    this.#wanted = 0;
    if (this.#parts.autoAck) {
      for (const delivery of taken) this.#outstanding.drop(delivery);
      return taken;
    }
    // What lay here and could not be renewed may be someone else's before core renews it.
    const soon = performance.now() + this.#leaseMs * 0.4;
    const ours: SnsSqsDelivery[] = [];
    for (const delivery of taken) {
      if (delivery.leasedUntil > soon) {
        this.#outstanding.received(delivery);
        ours.push(delivery);
      } else this.#outstanding.drop(delivery);
    }
    return ours;
  }

  async settle(batch: readonly Settlement[], _call: Call): Promise<readonly SettleOutcome[]> {
    const outcomes = new Array<SettleOutcome>(batch.length).fill("settled");
    if (this.#closing !== undefined) return outcomes.fill("lost");
    const requests: SettlementRequest[] = [];
    const now = performance.now();
    for (let index = 0; index < batch.length; index++) {
      const settlement = batch[index] as Settlement;
      const delivery = settlement.delivery as SnsSqsDelivery;
      this.#outstanding.drop(delivery);
      // A standard queue answers a late deletion with success, whoever has the message by now.
      if (delivery.leasedUntil <= now) outcomes[index] = "lost";
      else requests.push({ index, delivery, seconds: visibility(settlement) });
    }
    await this.#requests.send(requests, outcomes);
    // What SQS did not take is still ours.
    for (const { index, delivery } of requests)
      if (typeof outcomes[index] === "object") this.#outstanding.received(delivery);
    // There may be room for more bytes now.
    this.#polls.pump();
    return outcomes;
  }

  /**
   * Renews what waits here, too: it would be lost before core has room for it, and each
   * loss counts as an attempt. What is being settled is left alone: a retry that is made
   * to wait by this would wait for a whole lease.
   */
  async extend(batch: readonly ReceivedMessage[], _call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    const ours = batch as readonly SnsSqsDelivery[];
    const now = performance.now();
    // SQS lets an old receipt change a message that is someone else's by now.
    this.#outstanding.dropExpired(now);
    this.#polls.pump();
    const held = ours.filter((delivery) => this.#outstanding.has(delivery));
    const waiting = this.#parts.autoAck ? [] : this.#outstanding.waiting;
    const seconds = this.#parts.leaseSeconds;
    const requests = [...held, ...waiting].map((delivery, index) => ({ index, delivery, seconds }));
    const outcomes = new Array<SettleOutcome>(requests.length).fill("settled");
    const leasedUntil = now + this.#leaseMs;
    await this.#requests.send(requests, outcomes);
    let failure: { readonly cause: unknown } | undefined;
    for (const { index, delivery } of requests) {
      const outcome = outcomes[index] as SettleOutcome;
      // An answer may come after that to a later call.
      if (outcome === "settled") delivery.leasedUntil = Math.max(delivery.leasedUntil, leasedUntil);
      else if (outcome === "lost") delivery.leasedUntil = 0;
      else failure ??= outcome;
    }
    if (failure !== undefined) throw failure.cause;
    return ours.filter((delivery) => delivery.leasedUntil <= now);
  }

  /** Nothing is received here before core asks for it, and core asks for what its prefetch has room for. */
  setPrefetch(): void {}

  /** What was not `started` comes again uncounted, but where the queue keeps order: see `#makeVisible`. */
  close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close(unsettled);
    return this.#closing;
  }

  /** For whoever destroys the clients: resolves when nothing of this consumer is under way any more. */
  ended(): Promise<void> {
    void this.close(nothingStarted);
    return this.#ended ?? Promise.resolve();
  }

  #arrived(messages: readonly Message[]): void {
    const { clients, url, ordered, autoAck } = this.#parts;
    // SQS counted from when it sent them, which was a while ago.
    const leasedUntil = performance.now() + this.#leaseMs * 0.9;
    const serviceTime = clients.time.now();
    const early: SnsSqsDelivery[] = [];
    const arrived: SnsSqsDelivery[] = [];
    for (const message of messages) {
      const delivery = new SnsSqsDelivery(message, ordered);
      delivery.leasedUntil = leasedUntil;
      this.#estimate.arrived(delivery.bytes);
      // A queue that keeps order has no delays; what claims one there is not of ours.
      if (!ordered) delivery.restMs = restOfDelay(delivery, message, serviceTime);
      if (delivery.restMs > 0) early.push(delivery);
      else arrived.push(delivery);
    }
    // What cannot be put back now comes again when its lease is over, and is early or not.
    if (early.length > 0) this.#return(putBack(clients.sqs, url, early, nothingStarted.started));
    if (this.#closing !== undefined) return void this.#handBack(arrived, nothingStarted);
    for (const delivery of arrived) this.#outstanding.arrived(delivery);
    for (const delivery of arrived) this.#queue.push(delivery);
    if (autoAck) void this.#requests.send(arrived.map(deletion), []);
  }

  async #close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#ended = this.#end(unsettled);
    await within(systemClock, closeTimeoutMs, this.#ended);
  }

  async #end(unsettled: CloseConsumerOptions): Promise<void> {
    const { autoAck, onEnded } = this.#parts;
    const stopped = this.#polls.stop();
    const held = this.#outstanding.takeAll();
    this.#queue.remove(() => true);
    if (!autoAck) await this.#handBack(held, unsettled);
    await stopped;
    await this.#returning;
    await onEnded(this.#failed);
  }

  #handBack(held: readonly SnsSqsDelivery[], { started, delayed }: CloseConsumerOptions): Promise<void> {
    // Too late for what may be someone else's while it is on its way.
    const soon = performance.now() + handBackMs;
    const ours = held.filter(({ leasedUntil }) => leasedUntil > soon);
    return this.#return(
      this.#parts.ordered ? this.#makeVisible(ours, delayed) : this.#putBack(ours, started),
    );
  }

  #return(work: Promise<unknown>): Promise<void> {
    this.#returning = Promise.all([this.#returning, work]).then(() => {});
    return this.#returning;
  }

  async #putBack(held: readonly SnsSqsDelivery[], started: ReadonlySet<object>): Promise<void> {
    const { clients, url } = this.#parts;
    await this.#makeVisible(await putBack(clients.sqs, url, held, started), nothingStarted.delayed);
  }

  /**
   * The last first, one request after another: while the first of a message group is
   * still ours, SQS gives none of the group to anybody. So it does while that one waits for its
   * next attempt: it stays invisible for as long. SQS counts the receipt, and has no
   * way to take that back or to add to it: a copy, which could carry the right count, would lose its place.
   */
  async #makeVisible(
    held: readonly SnsSqsDelivery[],
    delayed: CloseConsumerOptions["delayed"],
  ): Promise<void> {
    const requests = [...held].reverse().map((delivery, index) => {
      const delayMs = Math.min(delayed.get(delivery)?.delayMs ?? 0, longestHiddenMs);
      return { index, delivery, seconds: Math.ceil(delayMs / 1_000) };
    });
    // Where it fails, the lease gives them back, later.
    for (const run of tens(requests)) await this.#requests.send(run, []);
  }
}

/** For how long the message is to be invisible, in seconds; `undefined` to delete it. */
function visibility(settlement: Settlement): number | undefined {
  return settlement.outcome === "ack" ? undefined : Math.ceil(settlement.delayMs / 1_000);
}

function deletion(delivery: SnsSqsDelivery, index: number): SettlementRequest {
  return { index, delivery, seconds: undefined };
}
