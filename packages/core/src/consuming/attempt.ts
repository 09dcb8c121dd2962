import type { Delivery, SettleResult } from "../api/delivery.ts";
import type { Subscription } from "../api/subscription.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { readable } from "../errors/readable.ts";
import { bodyCopy } from "../publishing/body-copy.ts";
import { toldRejection } from "../runtime/told-rejection.ts";
import type { Headers } from "../spi/message.ts";
import type { NextStep } from "./failure-path.ts";
import type { HandlerCall } from "./handler-call.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import { copyWithoutRequestHeaders } from "./request-headers.ts";

/** What an attempt needs of the subscription that runs it. */
export interface AttemptOwner {
  readonly subscription: Subscription;
  ackNow(attempt: Attempt): Promise<SettleResult>;
  retryNow(attempt: Attempt, delayMs: number | undefined, reason: unknown): Promise<SettleResult>;
  rejectNow(attempt: Attempt, reason: unknown): Promise<SettleResult>;
  /** A settlement that nobody awaits was refused. */
  readonly refused: (error: unknown) => void;
}

type RetryOptions = NonNullable<Parameters<Delivery["retry"]>[0]>;

/** What was decided of an attempt while its handler ran, and is still to be done. */
export interface AttemptOutcome {
  /** A copy of it is being stored: that ends, whether or not the handler waits for it. */
  storing?: Promise<unknown>;
  /** Called once when the application settled it, for the pull style. */
  onSettled?: () => void;
  /** What was decided while the handler ran and keeps the message here: it begins when the handler has ended. */
  staysAfter?: NextStep & { readonly step: "wait" | "block" };
  /** A settlement whose copy was stored after the handler had ended. */
  conclude?: {
    readonly step: NextStep & { readonly step: "ack" | "native-retry" };
    readonly done: (result: SettleResult) => void;
  };
}

/**
 * One call of a handler, as the application sees it. A second attempt in place is
 * another object, so that a settlement that comes late from the first cannot
 * reach it. Whatever changes is private: the application may freeze what it is given, however deep.
 */
export class Attempt implements Delivery {
  readonly attempt: number;
  value: unknown;
  readonly #inFlight: InFlightDelivery;
  readonly #call: HandlerCall;
  readonly #owner: AttemptOwner;
  /** The first settlement wins; this says which it was. */
  #settlement: Delivery["settlement"];
  /** Most handlers leave it to core. */
  #outcome: AttemptOutcome | undefined;
  #abort: AbortController | undefined;
  #body: Uint8Array | undefined;
  #headers: Headers | undefined;

  constructor(owner: AttemptOwner, inFlight: InFlightDelivery, call: HandlerCall) {
    this.#owner = owner;
    this.#inFlight = inFlight;
    this.#call = call;
    this.attempt = inFlight.attempt;
  }

  get inFlight(): InFlightDelivery {
    return this.#inFlight;
  }
  get call(): HandlerCall {
    return this.#call;
  }
  get outcome(): AttemptOutcome {
    this.#outcome ??= {};
    return this.#outcome;
  }
  get settlement(): Delivery["settlement"] {
    return this.#settlement;
  }
  get id(): string {
    return this.#inFlight.message.id;
  }
  /** A copy, as are the headers: what an application changes must not change what is retried or dead-lettered. */
  get body(): Uint8Array {
    this.#body ??= bodyCopy(this.#inFlight.message.body);
    return this.#body;
  }
  get contentType(): string {
    return this.#inFlight.message.contentType;
  }
  get headers(): Headers {
    this.#headers ??= copyWithoutRequestHeaders(this.#inFlight.headers);
    return this.#headers;
  }
  get key(): string | undefined {
    return this.#inFlight.message.key;
  }
  get timestamp(): number {
    return this.#inFlight.message.timestamp;
  }
  get correlationId(): string | undefined {
    return this.#inFlight.message.correlationId;
  }
  get source(): string {
    return this.#owner.subscription.source;
  }
  get group(): string | undefined {
    return this.#owner.subscription.group;
  }
  get position(): string | undefined {
    return this.#inFlight.message.position;
  }
  get native(): unknown {
    return this.#inFlight.message.native;
  }
  get subscription(): Subscription {
    return this.#owner.subscription;
  }

  /** Made when it is first asked for, since most handlers never do. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  /** Nobody wants it to be handled any more. */
  get isCancelled(): boolean {
    return this.#abort?.signal.aborted === true;
  }

  /** The handler is called. Throws the reason of its signal when nobody wants that any more. */
  begins(): void {
    if (this.isCancelled) throw this.signal.reason;
    this.#call.handlerCalled = true;
    this.#inFlight.wasStarted = true;
  }

  cancel(reason: unknown): void {
    this.#abort ??= new AbortController();
    this.#abort.abort(reason);
  }

  /** True for the first that asks. */
  claim(settlement: NonNullable<Delivery["settlement"]>): boolean {
    if (this.#settlement !== undefined) return false;
    this.#settlement = settlement;
    return true;
  }

  /** What the claimed settlement turned out to be, once it was decided. */
  endsWith(settlement: "retry" | "reject"): void {
    this.#settlement = settlement;
  }

  // Made when they are asked for, so that a handler may take them alone, as in `{ retry }`, and others pay nothing.

  get ack(): Delivery["ack"] {
    return () => this.#owner.ackNow(this);
  }
  get retry(): Delivery["retry"] {
    return (options = {}) => toldRejection(this.#retry(options), this.#owner.refused);
  }
  get reject(): Delivery["reject"] {
    return (reason) => toldRejection(this.#owner.rejectNow(this, reason), this.#owner.refused);
  }

  async #retry(options: RetryOptions): Promise<SettleResult> {
    const { delayMs, reason } = readable("The options of `retry`", () => {
      checkOptionNames("retry", options, ["delayMs", "reason"]);
      return { delayMs: options.delayMs, reason: options.reason };
    });
    return this.#owner.retryNow(this, delayMs, reason);
  }
}
