import type { MemoryDelivery } from "../delivery.ts";
import type { Backlog } from "./backlog.ts";
import { LinkedList } from "./linked-list.ts";
import { Partition, type PartitionHolder, type Taker } from "./partition.ts";

/** Holds the partitions whose next message is not due yet. */
const nobody: PartitionHolder = { partitions: new LinkedList<Partition>() };

/**
 * Order per key: a key's messages go to one member at a time, and to another only
 * when none is taken. A partition with something waiting stands in its holder's list,
 * or, with no holder, in the list that all members share; so nobody ever searches.
 */
export class KeyedBacklog implements Backlog {
  readonly #partitions = new Map<string, Partition>();
  readonly #free = new LinkedList<Partition>();
  #sequence = 0;
  size = 0;

  add(delivery: MemoryDelivery): void {
    const partition = this.#partitionOf(delivery.message.key);
    delivery.keyPartition = partition;
    delivery.sequence = this.#sequence++;
    partition.waiting.append(delivery);
    this.size++;
    this.#relist(partition);
  }

  /** One partition after another, free ones and the member's own by turns, so that no key holds up the rest. */
  next(member: Taker): MemoryDelivery | undefined {
    const own = firstNotPaused(member.partitions, member);
    const free = firstNotPaused(this.#free, member);
    member.ownTurn = !member.ownTurn;
    const partition = member.ownTurn ? (own ?? free) : (free ?? own);
    const delivery = partition?.waiting.first;
    if (partition === undefined || delivery === undefined) return undefined;
    if (!member.hasRoomFor(delivery.message.bytes)) return undefined;
    partition.waiting.remove(delivery);
    partition.taken++;
    partition.holder = member;
    this.size--;
    this.#unlist(partition);
    this.#relist(partition);
    return delivery;
  }

  remove(delivery: MemoryDelivery): void {
    const partition = partitionOf(delivery);
    partition.waiting.remove(delivery);
    this.size--;
    this.#relist(partition);
  }

  finish(delivery: MemoryDelivery): void {
    this.#release(partitionOf(delivery));
  }

  restore(deliveries: readonly MemoryDelivery[]): void {
    // Backwards, so that each finds its place at the very front, unless one before it was here already.
    for (const delivery of deliveries.toReversed()) {
      const partition = partitionOf(delivery);
      let younger = partition.waiting.first;
      while (younger !== undefined && younger.sequence < delivery.sequence) younger = younger.next;
      partition.waiting.insertBefore(delivery, younger);
      this.size++;
      this.#release(partition);
      // Those without a key have partitions of their own, whose order is all that they have.
      if (partition.key === undefined) this.#putFirst(partition);
    }
  }

  park(delivery: MemoryDelivery): void {
    const partition = partitionOf(delivery);
    partition.holder = nobody;
    this.#relist(partition);
  }

  #partitionOf(key: string | undefined): Partition {
    if (key === undefined) return new Partition(undefined);
    let partition = this.#partitions.get(key);
    if (partition === undefined) {
      partition = new Partition(key);
      this.#partitions.set(key, partition);
    }
    return partition;
  }

  #release(partition: Partition): void {
    partition.taken--;
    if (partition.taken === 0) partition.holder = undefined;
    this.#relist(partition);
  }

  /** Puts the partition into the list where it belongs now. */
  #relist(partition: Partition): void {
    const list = partition.waiting.size === 0 ? undefined : (partition.holder?.partitions ?? this.#free);
    if (list !== partition.list) {
      this.#unlist(partition);
      list?.append(partition);
      partition.list = list;
    }
    if (list === undefined && partition.taken === 0 && partition.key !== undefined)
      this.#partitions.delete(partition.key);
  }

  #putFirst(partition: Partition): void {
    const { list } = partition;
    list?.remove(partition);
    list?.insertBefore(partition, list.first);
  }

  #unlist(partition: Partition): void {
    partition.list?.remove(partition);
    partition.list = undefined;
  }
}

/** Only this backlog gives deliveries their partition. */
function partitionOf(delivery: MemoryDelivery): Partition {
  return delivery.keyPartition as Partition;
}

function firstNotPaused(partitions: LinkedList<Partition>, member: Taker): Partition | undefined {
  let partition = partitions.first;
  while (partition?.key !== undefined && member.pausedPartitions.has(partition.key))
    partition = partition.next;
  return partition;
}
