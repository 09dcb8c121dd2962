import type { ErrorCode } from "../errors/codes.ts";
import type { Address, Source } from "./address.ts";
import type { Call } from "./call.ts";
import type { Capabilities } from "./capabilities.ts";
import type { ReceivedMessage, WireMessage } from "./message.ts";
import type { NamingRule } from "./naming.ts";
import type { PublishOutcome, Settlement, SettleOutcome } from "./settlement.ts";
import type { Topology } from "./topology.ts";

/** A vendor error in Waybill's words. */
export interface Classification {
  readonly code: ErrorCode;
  /** Default: what the code says. */
  readonly retryable?: boolean;
  /** What to do about it. */
  readonly remedy?: string;
}

/**
 * One broker, as core sees it. A driver moves batches and keeps no policy:
 * validation, encoding, batching, retry, order, leases, recovery and drain are
 * core's. It is inert until `connect`, and may connect more than once.
 */
export interface Driver<C extends Capabilities = Capabilities> {
  /** The version of this interface that the driver implements. Core refuses another one by name. */
  readonly specVersion: "1";
  /** For messages and documents only, e.g. `kafka`. */
  readonly name: string;
  /** Hosts and ports it connects to, for errors only: no credentials. Default: those of the URL. */
  readonly endpoint?: string | undefined;
  readonly capabilities: C;
  readonly naming: NamingRule;
  /** Connects, and rejects if the broker cannot be reached or refuses the credentials. One attempt: core repeats. */
  connect(hooks: ConnectionHooks, call: Call): Promise<Connection>;
  /** Pure: tells what a vendor error means; `undefined` when it is not the vendor's. */
  classify(cause: unknown): Classification | undefined;
}

/** How a connection speaks to core when nobody has asked it anything. */
export interface ConnectionHooks {
  /**
   * The connection is dead, with every consumer on it. Core closes it and connects
   * anew. A client that heals itself never calls this: its calls fail meanwhile.
   */
  lost(cause: unknown): void;
  /** Something went wrong in the background that is not fatal; it goes to the client's `onError`. */
  report(cause: unknown): void;
}

/** A connection to the broker: publishes, consumes, and knows the topology. Core makes another when it is lost. */
export interface Connection {
  /** The vendor client, for those who need it. */
  readonly native: unknown;
  /** What the broker says of itself, where it does. */
  readonly broker?: { readonly name: string; readonly version: string | undefined };
  /**
   * Stores a batch and resolves when the broker has confirmed it: one outcome per
   * message, in order. Messages with the same key are stored in batch order; after
   * a failed one, later ones of its key fail too wherever the broker makes that
   * possible; where it stores them, core does not send the failed one again behind
   * them: it fails. A rejection means all failed. Publishing to what does not exist is
   * `NOT_FOUND` and makes nothing.
   */
  publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]>;
  /** Starts consuming. The address exists (core saw to it, or the user vouches for it). */
  consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer>;
  readonly topology: Topology;
  /**
   * What the broker's own clock shows now, milliseconds since the epoch, as far as it is known: asked of
   * the broker when it connected, say, and counted on by a steady clock. Core dates a time to live by it,
   * on both sides, so that the clocks of publishers and consumers need not agree. Never waits.
   * `undefined`, or left away where the broker tells nobody its time: then this computer's clock counts.
   */
  brokerTime?(): number | undefined;
  /** Closes everything, consumers too, in bounded time. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** How a consumer tells core that partitions move to someone else. */
export interface ConsumerHooks {
  /**
   * These partitions are going. Core stops handing out their deliveries, lets running
   * handlers end, settles what ended, and then resolves with what is left of them, as
   * `Consumer.close` gets it. Wait for it, but not longer than the broker allows; then let the
   * partitions go, and say so with `revoked`: until then core takes nothing more of them. Core
   * always says what is left; `undefined` is the same as nothing.
   */
  revoking(partitions: readonly string[]): Promise<CloseConsumerOptions | undefined>;
  /** These partitions are gone; their unsettled deliveries are someone else's. */
  revoked(partitions: readonly string[]): void;
}

/** Receives and settles the messages of one source. Core asks for as many as it has room for. */
export interface Consumer {
  /**
   * Waits for deliveries and resolves with 1 to `max` of them as soon as there is
   * one, or with none after a few seconds or when the signal fires. Called again
   * only after it has resolved. Never loses what has arrived: what is not returned
   * stays for the next call or is handed back by `close`. Rejects when this
   * consumer cannot go on; core then closes it and consumes anew.
   */
  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]>;
  /**
   * Settles; one outcome per settlement, in order. One call at a time. Without an answer
   * for a minute, core closes this consumer and consumes anew.
   */
  settle(batch: readonly Settlement[], call: Call): Promise<readonly SettleOutcome[]>;
  /**
   * Renews the lease of these. Needed where `capabilities.lease` is set. Resolves with those
   * whose lease is known to be over, so that core tells their handlers and starts nothing that
   * they came before. What is or was being settled may be among them, and is passed over.
   * A call that is slow does not hold up the next, and is given up after the length of one lease.
   */
  extend?(batch: readonly ReceivedMessage[], call: Call): Promise<readonly ReceivedMessage[]>;
  /**
   * These partitions, and no others, are to be held back: fetch no more of them until
   * a later call leaves them out. Where the broker cannot, leave it away.
   */
  pausePartitions?(partitions: readonly string[]): void;
  /**
   * From now on core holds up to so many unsettled messages: what `Source.prefetch` said, or more
   * while handlers are quick or as there are more of them, and back again when they are not. Fetch ahead accordingly. Leave it
   * away where the number cannot change while a consumer lives.
   */
  setPrefetch?(prefetch: number): void;
  /**
   * Makes the broker's count of a message that this consumer holds such that, should the consumer be lost, it comes
   * again with one more than these `redeliveries`; the message's own say so from then on. Core leaves a mark in it
   * before it runs a message alone that may take its process down. Leave it away where the count of what is held
   * cannot be changed: such a message is handed back with the mark, and should then be the first to come again.
   */
  setRedeliveries?(message: ReceivedMessage, redeliveries: number, call: Call): Promise<void>;
  /**
   * Stops, and hands back at once all that was delivered and not settled: to other
   * members where there are any. Bounded in time, idempotent, never rejects. For
   * an ephemeral source or an inbox it also leaves nothing behind on the broker.
   *
   * Handing back must cost no attempt: what is not in `started` no handler has seen, and it
   * must come again with the `redeliveries` it had, wherever the broker makes that possible.
   * What is in `started` had its handler called: it should come again counted once more. What is
   * in `delayed` waits for its next attempt: it comes again as `capabilities.handBack` says.
   */
  close(options: CloseConsumerOptions): Promise<void>;
}

/** For a consumer that nobody has handled anything of yet. */
export const nothingStarted: CloseConsumerOptions = Object.freeze({
  started: new Set<ReceivedMessage>(),
  delayed: new Map<ReceivedMessage, DelayedHandBack>(),
});

/** What core tells a consumer that closes. */
export interface CloseConsumerOptions {
  /** The unsettled messages whose handler has been called. */
  readonly started: ReadonlySet<ReceivedMessage>;
  /**
   * Those that failed and waited here for their next attempt, or for a turn to make it. Where the
   * broker makes it possible they should come again no earlier than after their delay, with the
   * `redeliveries` given: whoever gets them next, on another computer too. `capabilities.handBack`
   * says what of it holds. They may be in `started` as well; what is said here goes first.
   */
  readonly delayed: ReadonlyMap<ReceivedMessage, DelayedHandBack>;
}

/** What a message that waited in place should come again with. */
export interface DelayedHandBack {
  /** Milliseconds from now. 0: it may come at once. */
  readonly delayMs: number;
  /**
   * The `ReceivedMessage.redeliveries` that make its next attempt the one that comes next; up to a million, by
   * which core marks what it has dead-lettered, or what is to run alone. Deliveries from then on count on top of it.
   */
  readonly redeliveries: number;
}
