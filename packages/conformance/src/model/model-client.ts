import { type Client, connect, type Feature, MessagingError } from "@waybill/core";
import type { Contracts, Numbered } from "./contracts.ts";
import { Disturbance } from "./disturbed-driver.ts";
import { type HandlerContext, Member } from "./member.ts";
import type { Model } from "./model.ts";
import type { ModelBroker } from "./model-broker.ts";
import type { ModelClock } from "./model-time.ts";
import type { DestinationName } from "./program.ts";
import { place, type Receiver } from "./receiver.ts";

/** What every client of a program shares. */
export interface ModelClientContext extends HandlerContext {
  readonly model: Model;
  readonly contracts: Contracts;
  readonly broker: ModelBroker;
}

type EveryFeature = Client<Feature>;

/** One process with one client, from its connecting to its end. */
export class ModelClient {
  readonly number: number;
  readonly clock: ModelClock;
  readonly disturbance: Disturbance;
  readonly members: Member[] = [];
  readonly #context: ModelClientContext;
  client: EveryFeature | undefined;
  isAlive = true;
  isClosing = false;

  constructor(number: number, clock: ModelClock, context: ModelClientContext) {
    this.number = number;
    this.clock = clock;
    this.disturbance = new Disturbance(context.clock);
    this.#context = context;
  }

  /** Tries until it succeeds, as whatever starts processes does. */
  async open(): Promise<void> {
    const { broker, settings, model, clock, log } = this.#context;
    const { middlewareMs } = settings;
    const driver = this.disturbance.driver(broker.driver(settings.leaseMs));
    while (this.client === undefined && this.isAlive) {
      try {
        this.client = (await connect(driver, {
          clock: this.clock,
          logger: false,
          onError: (error) => {
            log(`client ${this.number} tells of ${error.code}: ${error.message}`);
            if (!MessagingError.isInstance(error))
              model.violated("errors", "onError got what is no MessagingError");
          },
          drainTimeoutMs: settings.drainTimeoutMs,
          middleware:
            middlewareMs === undefined
              ? {}
              : {
                  handle: [
                    async (_delivery, next) => {
                      if (middlewareMs > 0)
                        await new Promise<void>((resolve) => void clock.setTimeout(resolve, middlewareMs));
                      return next();
                    },
                  ],
                },
        })) as unknown as EveryFeature;
      } catch (error) {
        log(`client ${this.number} cannot connect: ${String(error)}`);
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 1_000));
      }
    }
  }

  /** Begins a subscription. Resolves with whether it did. */
  async join(
    receiver: Receiver,
    options: { readonly concurrency: number; readonly prefetch: number | undefined },
  ): Promise<boolean> {
    const { client } = this;
    if (client === undefined || this.isClosing) return false;
    const { contracts, settings, model, log } = this.#context;
    const member = new Member(receiver, options, this.#context, () => this.isAlive);
    this.members.push(member);
    receiver.clients.add(this.number);
    const contract = contracts.named(receiver.to as DestinationName);
    const { maxAttempts, backoffMs, maxLeaseMs } = settings;
    const consuming = {
      concurrency: options.concurrency,
      ...(options.prefetch === undefined ? {} : { prefetch: options.prefetch }),
      ...(maxLeaseMs === undefined ? {} : { maxLeaseMs }),
      retry: { maxAttempts, backoff: { initialMs: backoffMs, factor: 2, jitter: 0 } },
    };
    try {
      member.subscription =
        contract.kind === "topic"
          ? await client.subscribe<Numbered>(
              contract,
              { group: receiver.group ?? "", ...consuming },
              member.handle,
            )
          : await client.consume<Numbered>(contract, consuming, member.handle);
    } catch (error) {
      log(`${place(receiver)} cannot be consumed by client ${this.number}: ${String(error)}`);
      if (!MessagingError.isInstance(error))
        model.violated("errors", `subscribe rejected with ${String(error)}`);
      this.members.splice(this.members.indexOf(member), 1);
      return false;
    }
    log(`client ${this.number} consumes ${place(receiver)}`);
    if (member.isPaused) member.subscription.pause();
    void member.subscription.ended.then((error) => {
      if (error !== undefined && this.isAlive)
        model.violated("G10", `${place(receiver)} ended: ${error.message}`);
    });
    return true;
  }

  /** It ends without a word to anybody; what its handlers still do is nobody's any more. */
  async die(): Promise<void> {
    this.isAlive = false;
    this.isClosing = true;
    this.disturbance.end();
    await this.client?.close({ timeoutMs: 0 });
  }
}
