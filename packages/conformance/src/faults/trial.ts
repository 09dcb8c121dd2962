import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { AnyClient } from "../any-client.ts";
import type { Context } from "../context.ts";
import type { History, Numbered } from "../history.ts";
import { keysNamed, Load } from "../load.ts";
import { mostUnsettled } from "./unsettled.ts";

export interface TrialOptions {
  /** How many messages are to be confirmed. Default: `faultMessages`. */
  readonly count?: number;
  /** Characters that each message is made longer by. Default 0. */
  readonly padding?: number;
  /** The most that await confirmation at once. Default 500. */
  readonly window?: number;
  /** How old queues and topics are to be before the work begins, in milliseconds. Default 0. */
  readonly topologyAgeMs?: number;
}

/**
 * How many confirmed messages a fault case takes: 20,000, or what the environment
 * variable `CONFORMANCE_FAULT_MESSAGES` says.
 */
export const faultMessages = Number(process.env.CONFORMANCE_FAULT_MESSAGES ?? 20_000);

const prefetch = 100;
/** Outages here are shorter, so no publish has a reason to give up. */
const publishTimeoutMs = 120_000;

/** Publishing and consuming at once while something goes wrong; keyed where the broker keeps order. */
export class Trial {
  readonly publisher: AnyClient;
  readonly consumer: AnyClient;
  readonly history: History;
  readonly #context: Context;
  readonly #load: Load;
  readonly #count: number;
  readonly #window: number;

  private constructor(
    context: Context,
    publisher: AnyClient,
    consumer: AnyClient,
    history: History,
    load: Load,
    { count, window }: Required<Pick<TrialOptions, "count" | "window">>,
  ) {
    this.#context = context;
    this.publisher = publisher;
    this.consumer = consumer;
    this.history = history;
    this.#load = load;
    this.#count = count;
    this.#window = window;
  }

  /** Connects a publisher and a consumer with drivers of this make, and sets them to work. */
  static async start(
    context: Context,
    driver: () => Parameters<Context["connect"]>[1],
    { count = faultMessages, padding = 0, window = 500, topologyAgeMs = 0 }: TrialOptions = {},
  ): Promise<Trial> {
    const ordered = context.capabilities.features.ordering !== undefined;
    const events = context.topic<Numbered & { readonly pad: string }>(ordered ? { key: ({ k }) => k } : {});
    const history = context.history({ ordered, redelivery: true });
    const consumer = await context.connect({}, driver());
    const publisher = await context.connect({ publishTimeoutMs }, driver());
    await consumer.subscribe(events, { group: "group", concurrency: 10, prefetch }, ({ p, k, n }) =>
      history.deliver({ p, k, n }),
    );
    if (topologyAgeMs > 0) await sleep(topologyAgeMs);
    const pad = "x".repeat(padding);
    const publish = (message: Numbered) => publisher.publish(events, { ...message, pad });
    const load = new Load(history, publish, { count, window, keys: ordered ? keysNamed(16) : [""] });
    return new Trial(context, publisher, consumer, history, load, { count, window });
  }

  /** Waits until this share of the messages is confirmed, and some are handled. */
  async reached(share: number): Promise<void> {
    const goal = this.#count * share;
    await this.#context.inTime(`${goal} confirmed`, 90_000, this.#load.reached(goal));
    await this.#context.eventually("some are handled", () => this.history.distinct() > 0);
  }

  /** Measures how long it takes from now until messages are confirmed and handled again. */
  async recovers(): Promise<void> {
    const before = performance.now();
    const { confirmed } = this.#load;
    const handled = this.history.distinct();
    await this.#context.eventually(
      "publishing and handling go on",
      () =>
        (this.#load.confirmed > confirmed && this.history.distinct() > handled) ||
        this.history.distinct() >= this.#count,
      90_000,
    );
    this.#context.measure("recoveryMs", Math.round(performance.now() - before));
  }

  /** Waits for the rest, and judges: nothing lost, no key out of order, and repeats within bounds. */
  async end(faults: number): Promise<void> {
    await this.#context.inTime("confirming the rest", 120_000, this.#load.done);
    await this.#context.eventually("all are handled", () => this.history.complete(), 90_000);
    assert.equal(this.#load.failed, 0, `publishes failed, at last with: ${String(this.#load.lastError)}`);
    // A fault may repeat what was unconfirmed, and what was held and its settlements under way.
    const unsettled = mostUnsettled(this.#context.capabilities, prefetch);
    this.history.check({ duplicates: faults * 2 * (this.#window + unsettled) });
  }
}
