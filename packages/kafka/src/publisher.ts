import { type Address, type PublishOutcome, stored, type WireMessage } from "@waybill/core/spi";
import type { ClusterConnections } from "./client/kafka-client.ts";
import { partitionOfKey, Spreader } from "./client/partitioner.ts";
import { recordOverhead } from "./client/record-encoding.ts";
import { delayed, tierOfRecord } from "./delays/delayed-records.ts";
import { errorType, isTransient, LeaderMovedError } from "./errors.ts";
import { type OutgoingRecord, toRecord } from "./mapping.ts";
import { delayTopic, publishTopic, replyPartition } from "./naming.ts";

/** A record on its way, and its place in the batch of whoever sends it. */
interface Placed {
  readonly index: number;
  readonly record: OutgoingRecord;
}

/** What goes to one partition in one request; Kafka takes one record batch for each. */
interface Batch {
  readonly placed: Placed[];
  bytes: number;
}

const batchOverhead = 64;
const tooLarge = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/**
 * Stores records, confirmed by all in-sync replicas. Not idempotent: kafkajs's
 * sequence numbers go wrong after a failed send, and then confirmed messages are
 * lost. So what is sent again may be there twice, which "at least once" allows.
 */
export class KafkaPublisher {
  readonly #connections: ClusterConnections;
  readonly #maxBatchBytes: number;
  readonly #spreaders = new Map<string, Spreader>();

  constructor(connections: ClusterConnections, maxBatchBytes: number) {
    this.#connections = connections;
    this.#maxBatchBytes = maxBatchBytes;
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    const now: Placed[] = [];
    const later: Placed[] = [];
    const topic = publishTopic(to);
    const time = Date.now();
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      const record = toRecord(message, time);
      if (message.delayMs > 0) {
        later.push({ index, record: delayed(record, topic, message.delayMs) });
      } else now.push({ index, record });
    }
    if (now.length > 0)
      await this.#store(topic, now, outcomes, to.kind === "inbox" ? () => replyPartition : undefined);
    if (later.length > 0) await this.#store(delayTopic(to), later, outcomes, tierOfRecord);
    return outcomes;
  }

  /** Stores records of the adapter's own making. One outcome each, in order. */
  async store(
    topic: string,
    records: readonly OutgoingRecord[],
    partitionOf?: (record: OutgoingRecord, partitions: number) => number,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(records.length).fill(stored);
    const placed = records.map((record, index) => ({ index, record }));
    await this.#store(topic, placed, outcomes, partitionOf);
    return outcomes;
  }

  async #store(
    topic: string,
    placed: readonly Placed[],
    outcomes: PublishOutcome[],
    partitionOf?: (record: OutgoingRecord, partitions: number) => number,
  ): Promise<void> {
    let leaders: readonly number[];
    try {
      leaders = await this.#connections.leaders(topic);
    } catch (cause) {
      for (const { index } of placed) outcomes[index] = { ok: false, cause };
      return;
    }
    const spreader = this.#spreader(topic);
    spreader.startBatch();
    const choose =
      partitionOf ??
      ((record: OutgoingRecord, partitions: number) =>
        record.key === null ? spreader.partition(partitions) : partitionOfKey(record.key, partitions));
    const failed = new Map<number, unknown>();
    for (const round of this.#rounds(placed, (record) => choose(record, leaders.length))) {
      await this.#send(topic, leaders, round, failed, outcomes);
    }
    if (failed.size > 0) await this.#refreshAfter(topic, placed, failed, outcomes);
  }

  /** One request cannot carry two batches of a partition, nor a batch above the broker's limit: what is over goes next. */
  #rounds(placed: readonly Placed[], choose: (record: OutgoingRecord) => number): Map<number, Batch>[] {
    const rounds: Map<number, Batch>[] = [];
    /** For each partition the round it is in: later records never overtake. */
    const current = new Map<number, number>();
    for (const one of placed) {
      const partition = choose(one.record);
      const bytes = recordBytes(one.record);
      let number = current.get(partition) ?? 0;
      let batch = rounds[number]?.get(partition);
      if (batch !== undefined && batch.bytes + bytes > this.#maxBatchBytes) {
        number++;
        batch = undefined;
      }
      if (batch === undefined) {
        batch = { placed: [], bytes: batchOverhead };
        const round = rounds[number] ?? new Map<number, Batch>();
        rounds[number] = round;
        round.set(partition, batch);
        current.set(partition, number);
      }
      batch.placed.push(one);
      batch.bytes += bytes;
    }
    return rounds;
  }

  async #send(
    topic: string,
    leaders: readonly number[],
    round: ReadonlyMap<number, Batch>,
    failed: Map<number, unknown>,
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const byNode = new Map<number, [number, Batch][]>();
    const tooBig: [number, Batch, unknown][] = [];
    for (const [partition, batch] of round) {
      // What comes after a failed batch of its partition must not be stored before it.
      if (failed.has(partition)) {
        fail(batch, failed.get(partition), outcomes);
        continue;
      }
      const node = leaders[partition] ?? -1;
      const batches = byNode.get(node);
      if (batches === undefined) byNode.set(node, [[partition, batch]]);
      else batches.push([partition, batch]);
    }
    await Promise.all(
      [...byNode].map(async ([node, batches]) => {
        try {
          const results = await this.#connections.produce(
            node,
            topic,
            batches.map(([partition, batch]) => ({
              partition,
              records: batch.placed.map(({ record }) => record),
            })),
          );
          for (let i = 0; i < batches.length; i++) {
            const error = results[i]?.error;
            if (error === undefined) continue;
            const [partition, batch] = batches[i] as [number, Batch];
            if (tooLarge.has(errorType(error) ?? "")) tooBig.push([partition, batch, error]);
            else {
              failed.set(partition, error);
              fail(batch, error, outcomes);
            }
          }
        } catch (cause) {
          for (const [partition, batch] of batches) {
            failed.set(partition, cause);
            fail(batch, cause, outcomes);
          }
        }
      }),
    );
    for (const one of tooBig) await this.#sendHalves(topic, leaders, one, failed, outcomes);
  }

  /**
   * The topic's own limit is lower than the option says: half a batch may pass where
   * the whole does not, and a single message that is too large fails alone.
   */
  async #sendHalves(
    topic: string,
    leaders: readonly number[],
    [partition, { placed }, error]: readonly [number, Batch, unknown],
    failed: Map<number, unknown>,
    outcomes: PublishOutcome[],
  ): Promise<void> {
    if (placed.length === 1) {
      fail({ placed }, error, outcomes);
      return;
    }
    const middle = Math.ceil(placed.length / 2);
    for (const half of [placed.slice(0, middle), placed.slice(middle)]) {
      await this.#send(topic, leaders, new Map([[partition, { placed: half, bytes: 0 }]]), failed, outcomes);
    }
  }

  /** Looks who leads now, for the next try; and whether the topic is still there at all. */
  async #refreshAfter(
    topic: string,
    placed: readonly Placed[],
    failed: ReadonlyMap<number, unknown>,
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const causes = [...failed.values()];
    if (!causes.some((cause) => isTransient(cause) || isUnknown(cause))) return;
    let instead: unknown;
    try {
      await this.#connections.leaders(topic, true);
      instead = new LeaderMovedError(topic);
    } catch (cause) {
      instead = cause;
    }
    for (const { index } of placed) {
      const outcome = outcomes[index] as PublishOutcome;
      if (!outcome.ok && isUnknown(outcome.cause)) outcomes[index] = { ok: false, cause: instead };
    }
  }

  #spreader(topic: string): Spreader {
    let spreader = this.#spreaders.get(topic);
    if (spreader === undefined) {
      spreader = new Spreader();
      this.#spreaders.set(topic, spreader);
    }
    return spreader;
  }
}

function isUnknown(cause: unknown): boolean {
  return errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION";
}

function fail(batch: Pick<Batch, "placed">, cause: unknown, outcomes: PublishOutcome[]): void {
  for (const { index } of batch.placed) outcomes[index] = { ok: false, cause };
}

/** An upper bound of what the record takes in its batch. */
function recordBytes(record: OutgoingRecord): number {
  let bytes = recordOverhead(record.headers.length) + record.value.length + (record.key?.length ?? 0);
  // No character takes more than three bytes for each of its UTF-16 units.
  for (const text of record.headers) bytes += text.length * 3;
  return bytes;
}
