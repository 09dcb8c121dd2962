import type { Channel, ConsumeMessage, Options } from "amqplib";
import { AdaptivePrefetch } from "./adaptive-prefetch.ts";
import type { PrefetchChange, PrefetchLimits, PrefetchPolicy } from "./prefetch-limits.ts";
import { ReplacingPrefetch } from "./replacing-prefetch.ts";

/** AMQP has no larger one. */
const mostPrefetch = 65_535;

/** How another consumer takes the place of the one that reads alone, so that nothing is missed or comes out of order. */
export interface Replacement {
  /** What the consumer is started with that takes the place of so many before it. */
  consume(before: number): Options.Consume;
  /** Whether it is to be there before the other is cancelled, or the other to be gone before it begins. */
  readonly begins: "before" | "after";
  /** Whether this member is to be given all that earlier ones gave back, however much that is. */
  readonly takesAllThatCameBack: boolean;
}

export interface ChannelConsumersOptions extends PrefetchLimits {
  readonly queue: string;
  readonly consume: Options.Consume;
  /** Whether the queue serves several consumers of one channel, so that their number can follow what may be held. */
  readonly mayAdd: boolean;
  /** Where it serves one alone that may be replaced by another. */
  readonly replacement?: Replacement | undefined;
  readonly onMessage: (message: ConsumeMessage | null) => void;
}

interface LiveConsumer {
  readonly tag: string;
  readonly prefetch: number;
}

/**
 * The broker's consumers of one queue on one channel. Their prefetches add up to what the
 * broker may push: one is added, or the newest cancelled, as what may be held changes. What a
 * cancelled one delivered stays with the channel and is handled like all else. Where only one
 * reads, another takes its place instead.
 */
export class ChannelConsumers {
  readonly #channel: Channel;
  readonly #options: ChannelConsumersOptions;
  readonly #prefetch: PrefetchPolicy | undefined;
  /** The newest last. */
  readonly #live: LiveConsumer[] = [];
  /** How many deliveries are not settled, by the tag of their consumer. */
  readonly #unsettledOf = new Map<string, number>();
  #unsettled = 0;
  /** Whether the newest delivery is not the first one of its message. Unknown until one has come. */
  #cameBack: boolean | undefined;
  #replaced = 0;
  /** The prefetch of the consumer that was begun last. */
  #newestPrefetch = 0;
  /** At most one change is under way. */
  #changing: Promise<void> | undefined;
  #stopped = false;

  constructor(channel: Channel, options: ChannelConsumersOptions) {
    this.#channel = channel;
    this.#options = options;
    if (options.replacement !== undefined) this.#prefetch = new ReplacingPrefetch(options);
    else if (options.mayAdd) this.#prefetch = new AdaptivePrefetch(options);
  }

  /** Whether their number follows what may be held. */
  get adapts(): boolean {
    return this.#prefetch !== undefined;
  }

  get started(): boolean {
    return this.#live.length > 0;
  }

  /** How many the broker may have given and has not been told of, at most; `undefined` where this member was given none at all. */
  get mayHold(): number | undefined {
    if (!this.#takesAllThatCameBack || this.#cameBack === undefined) return undefined;
    const newest = this.#live.at(-1);
    const came = newest === undefined ? 0 : (this.#unsettledOf.get(newest.tag) ?? 0);
    return this.#unsettled + Math.max(0, this.#newestPrefetch - came);
  }

  start(): Promise<void> {
    return this.#begin({ add: this.#prefetch?.first ?? this.#options.prefetch });
  }

  /** Without effect where they do not adapt. */
  setPrefetch(prefetch: number): void {
    this.#prefetch?.setPrefetch(prefetch);
    this.#adapt();
  }

  arrived({ fields: { consumerTag, redelivered }, content }: ConsumeMessage): void {
    if (this.#prefetch === undefined) return;
    this.#cameBack = redelivered;
    this.#unsettled++;
    this.#unsettledOf.set(consumerTag, (this.#unsettledOf.get(consumerTag) ?? 0) + 1);
    this.#prefetch.arrived(content.length);
    this.#adapt();
  }

  settled({ fields: { consumerTag } }: ConsumeMessage): void {
    if (this.#prefetch === undefined) return;
    this.#unsettled--;
    const left = (this.#unsettledOf.get(consumerTag) ?? 0) - 1;
    if (left > 0) this.#unsettledOf.set(consumerTag, left);
    else this.#unsettledOf.delete(consumerTag);
  }

  /**
   * Resolves once all that came back to the queue has been given to this member, so that what it
   * gives back itself goes behind none of that: the queue puts it there, whatever its place was
   * (`returns` of `rabbit_fifo` 4.0). `turn` resolves once all has come that the broker had sent before.
   */
  async takeAllThatCameBack(turn: () => Promise<void>): Promise<void> {
    if (!this.#takesAllThatCameBack || this.#cameBack === false) return;
    do {
      await this.#changing;
      await turn();
    } while (this.#changing !== undefined || (this.#isTakingOn && this.#isNewestFull));
  }

  /** Cancels all. What was on its way meanwhile has come when it resolves. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changing;
    await this.#cancel(this.#live);
  }

  #adapt(): void {
    if (this.#prefetch === undefined || this.#changing !== undefined || this.#stopped) return;
    const change = this.#prefetch.change({
      all: this.#unsettled,
      leftover: this.#leftover,
      isNewestFull: this.#isNewestFull,
      isTakingOn: this.#isTakingOn,
    });
    // If it fails, the channel's end will be told.
    if (change !== undefined) void this.#begin(change).catch(() => {});
  }

  #begin(change: NonNullable<PrefetchChange>): Promise<void> {
    const made = this.#make(change).then(() => {
      this.#changing = undefined;
      // What is wanted may have changed meanwhile.
      this.#adapt();
    });
    this.#changing = made.catch(() => {});
    return made;
  }

  async #make(change: NonNullable<PrefetchChange>): Promise<void> {
    if (typeof change === "object" && "add" in change) return this.#add(change.add);
    if (typeof change === "object") return this.#replace(change.replace);
    // Written at once, since no other request is under way: ahead of every ack that could give it credit again.
    await this.#cancel(this.#live.slice(-1));
    this.#live.pop();
  }

  async #replace(prefetch: number): Promise<void> {
    const { replacement } = this.#options;
    if (replacement === undefined) return;
    const old = this.#live.splice(0);
    const take = () => this.#add(prefetch, replacement.consume(++this.#replaced));
    if (replacement.begins === "after") {
      await this.#cancel(old);
      return take();
    }
    await take();
    await this.#cancel(old);
  }

  async #add(most: number, consume = this.#options.consume): Promise<void> {
    const { queue, onMessage } = this.#options;
    const prefetch = Math.min(most, mostPrefetch);
    this.#newestPrefetch = prefetch;
    // Both on their way at once: one round trip.
    const prefetching = consume.noAck === true ? undefined : this.#channel.prefetch(prefetch);
    const consuming = this.#channel.consume(queue, onMessage, consume);
    const [{ consumerTag }] = await Promise.all([consuming, prefetching]);
    this.#live.push({ tag: consumerTag, prefetch });
  }

  async #cancel(consumers: readonly LiveConsumer[]): Promise<void> {
    await Promise.all(consumers.map(({ tag }) => this.#channel.cancel(tag)));
  }

  get #leftover(): number {
    let leftover = this.#unsettled;
    for (const { tag } of this.#live) leftover -= this.#unsettledOf.get(tag) ?? 0;
    return leftover;
  }

  get #takesAllThatCameBack(): boolean {
    return this.#options.replacement?.takesAllThatCameBack === true;
  }

  /** The queue gives what came back before all else: there may be more of it until something else comes. */
  get #isTakingOn(): boolean {
    return this.#cameBack === true && this.#takesAllThatCameBack;
  }

  /** What is settled and not yet acked is not counted, so this is never said too early. */
  get #isNewestFull(): boolean {
    const newest = this.#live.at(-1);
    return newest !== undefined && (this.#unsettledOf.get(newest.tag) ?? 0) >= newest.prefetch;
  }
}
