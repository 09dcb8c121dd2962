import { setTimeout as sleep } from "node:timers/promises";
import type {
  Address,
  Call,
  Consumer,
  ConsumerHooks,
  ReceivedMessage,
  Settlement,
  SettleOutcome,
  Source,
} from "@waybill/core/spi";
import type { KafkaLink, PartitionOffset } from "./client.ts";
import { errorType, isTransient, LeaderMovedError } from "./errors.ts";
import { Fetcher } from "./fetching/fetcher.ts";
import { Lane } from "./fetching/lane.ts";
import { Lanes } from "./fetching/lanes.ts";
import type { TopicPartition } from "./groups/assignment.ts";
import { GroupMember } from "./groups/membership.ts";
import { declareOffsets } from "./groups/offsets.ts";
import type { Orphans } from "./groups/orphans.ts";
import type { KafkaDelivery } from "./mapping.ts";
import { groupId, retryTopic } from "./naming.ts";
import type { Settings } from "./options.ts";

export interface ConsumerContext {
  readonly settings: Settings;
  /** For short calls: heartbeats, commits, metadata. */
  readonly control: KafkaLink;
  /** Makes a link that the consumer owns. */
  link(): KafkaLink;
  report(cause: unknown): void;
  readonly orphans: Orphans;
  isClosed(): boolean;
}

const backoff = { firstMs: 50, mostMs: 1_000 };

/** A member of a group, or one of the consumers of a queue. */
export class GroupConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #hooks: ConsumerHooks;
  readonly #groupId: string;
  readonly #link: KafkaLink;
  readonly #lanes: Lanes;
  readonly #fetcher: Fetcher;
  readonly #member: GroupMember;
  #closing: Promise<void> | undefined;

  static async start(context: ConsumerContext, from: Source, hooks: ConsumerHooks): Promise<GroupConsumer> {
    const { control } = context;
    const { address } = from;
    const topics = [address.brokerName];
    // Queues begin with what they hold; groups where they are told to.
    const start = address.kind === "queue" ? ({ from: "earliest" } as const) : from.start;
    await declareOffsets(control, groupId(address), address.brokerName, start);
    if (address.kind === "group" && (await hasRetries(control, address))) topics.push(retryTopic(address));
    return new GroupConsumer(context, hooks, groupId(address), topics, from.prefetch);
  }

  private constructor(
    context: ConsumerContext,
    hooks: ConsumerHooks,
    id: string,
    topics: readonly string[],
    prefetch: number,
  ) {
    const { settings, control } = context;
    this.#context = context;
    this.#hooks = hooks;
    this.#groupId = id;
    this.#link = context.link();
    this.#lanes = new Lanes(prefetch);
    const onFailure = (cause: unknown) => this.#lanes.fail(cause);
    const onTrouble = (cause: unknown) => this.#report(cause);
    this.#fetcher = new Fetcher(this.#link, this.#lanes, {
      maxBytes: settings.fetchMaxBytes,
      onTrouble,
      onFailure,
    });
    this.#member = new GroupMember(
      this.#link,
      control,
      { ...settings, groupId: id, topics, orphans: context.orphans },
      {
        assigned: (partitions) => this.#take(partitions),
        revoking: (partitions) => this.#letGo(partitions),
        revoked: (partitions) => this.#drop(partitions),
        trouble: onTrouble,
        contact: (good) => this.#lanes.pause(!good),
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#lanes.receive(max, call.signal);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    const furthest = new Map<Lane, number>();
    for (const { delivery } of batch) {
      const { from, offset } = delivery as KafkaDelivery;
      if (!from.alive) continue;
      const known = furthest.get(from);
      if (known === undefined || known <= offset) furthest.set(from, offset + 1);
    }
    let failure: { readonly cause: unknown } | undefined;
    try {
      await this.#member.commit(() => stillOurs(furthest), this.#context.settings.requestTimeoutMs);
    } catch (cause) {
      failure = { cause };
    }
    return batch.map(({ delivery }) => {
      const { from } = delivery as KafkaDelivery;
      return !from.alive || !furthest.has(from) ? "lost" : (failure ?? "settled");
    });
  }

  pausePartitions(lanes: readonly string[]): void {
    this.#lanes.hold(lanes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#fetcher.close();
    for (const lane of this.#lanes.all) lane.stop("gone");
    // At once, also where a fetch or a join still waits at the broker.
    this.#link.close();
    await Promise.race([this.#member.close(), sleep(2_000)]);
  }

  /** Begins to read partitions, each from where the group left off. */
  #take(partitions: readonly TopicPartition[]): void {
    const lanes = partitions.map(({ topic, partition }) => new Lane(topic, partition, -1));
    for (const lane of lanes) {
      lane.retryAt = Number.POSITIVE_INFINITY;
      this.#lanes.add(lane);
    }
    for (const [topic, own] of Map.groupBy(lanes, (lane) => lane.topic)) void this.#open(topic, own);
  }

  async #open(topic: string, lanes: readonly Lane[]): Promise<void> {
    for (
      let waitMs = backoff.firstMs;
      this.#closing === undefined;
      waitMs = Math.min(backoff.mostMs, waitMs * 2)
    ) {
      const wanted = lanes.filter((lane) => lane.open);
      if (wanted.length === 0) return;
      try {
        const offsets = await this.#positions(topic, wanted);
        for (const lane of wanted) {
          lane.position = offsets.get(lane.partition) ?? 0;
          lane.retryAt = 0;
        }
        this.#lanes.onRoom();
        return;
      } catch (cause) {
        if (!isTransient(cause)) {
          this.#lanes.fail(cause);
          return;
        }
        if (errorType(cause) === undefined) this.#report(cause);
        await sleep(waitMs);
      }
    }
  }

  /**
   * The committed offsets. A partition without one is younger than the group, which
   * got its offsets when it was declared: it is read from its beginning. That is
   * committed at once, so that it holds after a crash too.
   */
  async #positions(topic: string, lanes: readonly Lane[]): Promise<ReadonlyMap<number, number>> {
    const { control, settings } = this.#context;
    const partitions = lanes.map(({ partition }) => partition);
    const offsets = await control.committedOffsets(this.#groupId, topic, partitions);
    const fresh = partitions.filter((partition) => (offsets.get(partition) ?? -1) < 0);
    if (fresh.length > 0) {
      const earliest = await control.listOffsets(topic, fresh, "earliest");
      const commits = [...earliest].map(([partition, offset]) => ({ topic, partition, offset }));
      await this.#member.commit(
        () => commits.filter(({ partition }) => this.#lanes.get(topic, partition)?.alive === true),
        settings.requestTimeoutMs,
      );
      for (const [partition, offset] of earliest) offsets.set(partition, offset);
    }
    return offsets;
  }

  #letGo(partitions: readonly TopicPartition[]): Promise<void> {
    const lanes = this.#of(partitions);
    for (const lane of lanes) lane.stop("closing");
    return this.#hooks.revoking(lanes.map(({ id }) => id));
  }

  #drop(partitions: readonly TopicPartition[]): void {
    const lanes = this.#of(partitions);
    for (const lane of lanes) {
      lane.stop("gone");
      this.#lanes.delete(lane);
    }
    if (this.#closing === undefined) this.#hooks.revoked(lanes.map(({ id }) => id));
  }

  #of(partitions: readonly TopicPartition[]): readonly Lane[] {
    return partitions.flatMap(({ topic, partition }) => this.#lanes.get(topic, partition) ?? []);
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}

function stillOurs(furthest: ReadonlyMap<Lane, number>): readonly PartitionOffset[] {
  const offsets: PartitionOffset[] = [];
  for (const [{ alive, topic, partition }, offset] of furthest)
    if (alive) offsets.push({ topic, partition, offset });
  return offsets;
}

/** Whether a group reads a topic of its own for retries. If it has a place in one, a broker that knows none is behind. */
async function hasRetries(link: KafkaLink, group: Address): Promise<boolean> {
  const topic = retryTopic(group);
  if (await exists(link, topic)) return true;
  const place = (await link.committedOffsets(groupId(group), topic, [0])).get(0) ?? -1;
  if (place >= 0) throw new LeaderMovedError(topic);
  return false;
}

/** Whether a topic that a consumer can do without is there. */
export async function exists(link: KafkaLink, topic: string): Promise<boolean> {
  try {
    await link.leaders(topic, true);
    return true;
  } catch (cause) {
    if (errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION") return false;
    throw cause;
  }
}
