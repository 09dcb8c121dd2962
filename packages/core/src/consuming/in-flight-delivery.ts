import type { Delivery, SettleResult } from "../api/delivery.ts";
import type { Consumer } from "../spi/driver.ts";
import type { Headers, ReceivedMessage } from "../spi/message.ts";
import { type DeliveryEvent, type DeliveryState, nextState } from "./delivery-state.ts";
import type { HandlerCall } from "./handler-call.ts";
import type { Partition } from "./partition.ts";

export type DeliveryPartition = Partition<InFlightDelivery>;

/** The handler call that is under way. */
export interface CurrentAttempt {
  readonly settlement: Delivery["settlement"];
  readonly call: HandlerCall;
  /** `staysAfter`: what was decided while it runs, and begins when it has ended. */
  readonly outcome: {
    readonly staysAfter?: { readonly step: "block" } | { readonly step: "wait"; readonly delayMs: number };
  };
  cancel(reason: unknown): void;
}

/** Tells the broker what became of deliveries. */
export interface Acks {
  ack(delivery: InFlightDelivery, done?: (result: SettleResult) => void): void;
  retry(delivery: InFlightDelivery, delayMs: number, done?: (result: SettleResult) => void): void;
}

/** The consumer that received it, for as long as it lives. */
export interface DeliverySession {
  readonly acks: Acks;
  readonly consumer: Pick<Consumer, "setRedeliveries">;
  forget(partition: DeliveryPartition): void;
}

/** A received message until the broker has its settlement: one object, however many attempts in place. */
export class InFlightDelivery {
  readonly message: ReceivedMessage;
  readonly session: DeliverySession;
  readonly partition: DeliveryPartition | undefined;
  /** What the application sees: without the headers by which core counts. */
  readonly headers: Headers;
  /** In bytes, as the bound on the prefetch counts them. */
  readonly size: number;
  /** Milliseconds since the epoch, by the client's clock. */
  readonly receivedAt: number;
  /** The number of the attempt that it came for. */
  readonly firstAttempt: number;
  /** The number of the attempt that runs or comes next. */
  attempt: number;
  /** The broker counts more deliveries than attempts are known of, and as many as the policy allows. */
  suspect = false;
  /** It is handed back to be run alone, with the mark that says so. */
  isOnTrial = false;
  /** The most redeliveries that any other message had then. */
  redeliveriesOfOthers = 0;
  /** How often it took other processes down when it had run alone. */
  losses = 0;
  /** When the handler of the present attempt was called, by the clock's steady time. */
  startedAt: number | undefined;
  /** A handler has been called with it, and not put it off. */
  wasStarted = false;
  /** The broker has taken it back: nothing here may settle it any more. */
  lost = false;
  /** Under cumulative settlement: may be covered by the partition's watermark. */
  done = false;
  /** It counts neither as ready nor as running: it waits behind its key, or for its next attempt. */
  parked = false;
  /** Whether a copy of it is in the dead-letter queue, as far as that matters here; `undefined` until it is known. */
  isDeadLettered: boolean | undefined = false;
  /**
   * Copies that redrives have brought back: they are done when this one is, which has kept its place. `undefined` until
   * the first of them has come.
   */
  redriven: InFlightDelivery[] | undefined;
  #markedHeaders: Headers | undefined;
  /** What is being made of it, for the observer. */
  ending: "ack" | "retry" | "dead-letter" = "ack";
  /** Milliseconds since the epoch. A redrive takes it away, as from its copy. */
  expiresAt: number | undefined;
  /** When it first failed or was put off, milliseconds since the epoch. */
  firstFailedAt: number | undefined;
  /** What it last failed with, or was put off for. */
  lastError: unknown;
  current: CurrentAttempt | undefined;
  timer: unknown;
  /** When the wait in place is over, by the clock. */
  dueAt = 0;
  previous: InFlightDelivery | undefined;
  next: InFlightDelivery | undefined;
  listed = false;
  /** Its place among those that run. */
  runningAt: number | undefined;
  #state: DeliveryState = "queued";

  constructor(
    message: ReceivedMessage,
    session: DeliverySession,
    partition: DeliveryPartition | undefined,
    headers: Headers,
    size: number,
    attempt: number,
    expiresAt: number | undefined,
    receivedAt: number,
  ) {
    this.message = message;
    this.expiresAt = expiresAt;
    this.session = session;
    this.partition = partition;
    this.headers = headers;
    this.size = size;
    this.firstAttempt = attempt;
    this.attempt = attempt;
    this.receivedAt = receivedAt;
  }

  get state(): DeliveryState {
    return this.#state;
  }

  /** Moves on. Throws where the table of transitions has no such way. */
  move(event: DeliveryEvent): void {
    this.#state = nextState(this.#state, event);
  }

  /** No handler runs, and nothing is being stored or settled. */
  get isIdle(): boolean {
    return this.#state === "queued" || this.#state === "delayed" || this.#state === "blocking";
  }

  /**
   * A redrive has brought its copy back: it may run again here, where it has kept its place. `markedHeaders`: those
   * that tell of the redrive.
   */
  beginAnew(markedHeaders: Headers): void {
    this.#markedHeaders = markedHeaders;
    this.isDeadLettered = false;
    this.attempt = 1;
    this.suspect = false;
    this.ending = "ack";
    this.expiresAt = undefined;
    this.firstFailedAt = undefined;
    this.lastError = undefined;
    this.move("due");
  }

  /** The headers by which redrives know it: with the mark of the one that brought it back, if there is one. */
  get markedHeaders(): Headers {
    return this.#markedHeaders ?? this.message.headers;
  }
}
