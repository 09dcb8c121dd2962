import type { Backlog } from "./backlog.ts";
import type { MemoryDelivery } from "./delivery.ts";
import { type Linked, LinkedList } from "./linked-list.ts";
import type { Member } from "./member.ts";

/** The messages of one key, and who is working on them. A message without a key has a partition to itself. */
export class Partition implements Linked<Partition> {
  readonly key: string | undefined;
  readonly waiting = new LinkedList<MemoryDelivery>();
  /** How many were taken out and are not finished. */
  taken = 0;
  /** The only one that may get more of this key; set while something is taken. */
  holder: Pick<Member, "partitions"> | undefined = undefined;
  /** The list of partitions in which it stands. */
  list: LinkedList<Partition> | undefined = undefined;
  previous: Partition | undefined = undefined;
  next: Partition | undefined = undefined;

  constructor(key: string | undefined) {
    this.key = key;
  }
}

/** Holds the partitions whose next message is not due yet. */
const nobody = { partitions: new LinkedList<Partition>() };

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
    const partition = this.#laneOf(delivery.message.key);
    delivery.keyLane = partition;
    delivery.sequence = this.#sequence++;
    partition.waiting.append(delivery);
    this.size++;
    this.#place(partition);
  }

  /** One partition after another, free ones and the member's own by turns, so that no key holds up the rest. */
  next(member: Member): MemoryDelivery | undefined {
    const own = firstNotHeldBack(member.partitions, member);
    const free = firstNotHeldBack(this.#free, member);
    member.ownTurn = !member.ownTurn;
    const partition = member.ownTurn ? (own ?? free) : (free ?? own);
    const delivery = partition?.waiting.first;
    if (partition === undefined || delivery === undefined) return undefined;
    partition.waiting.remove(delivery);
    partition.taken++;
    partition.holder = member;
    this.size--;
    this.#unlist(partition);
    this.#place(partition);
    return delivery;
  }

  remove(delivery: MemoryDelivery): void {
    const partition = delivery.keyLane as Partition;
    partition.waiting.remove(delivery);
    this.size--;
    this.#place(partition);
  }

  finish(delivery: MemoryDelivery): void {
    this.#release(delivery.keyLane as Partition);
  }

  restore(deliveries: readonly MemoryDelivery[]): void {
    // Backwards, so that each finds its place at the very front, unless one before it was here already.
    for (const delivery of deliveries.toReversed()) {
      const partition = delivery.keyLane as Partition;
      let younger = partition.waiting.first;
      while (younger !== undefined && younger.sequence < delivery.sequence) younger = younger.next;
      partition.waiting.insertBefore(delivery, younger);
      this.size++;
      this.#release(partition);
    }
  }

  park(delivery: MemoryDelivery): void {
    const partition = delivery.keyLane as Partition;
    partition.holder = nobody;
    this.#place(partition);
  }

  #laneOf(key: string | undefined): Partition {
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
    this.#place(partition);
  }

  /** Puts the partition into the list where it belongs now. */
  #place(partition: Partition): void {
    const list = partition.waiting.size === 0 ? undefined : (partition.holder?.partitions ?? this.#free);
    if (list !== partition.list) {
      this.#unlist(partition);
      list?.append(partition);
      partition.list = list;
    }
    if (list === undefined && partition.taken === 0 && partition.key !== undefined)
      this.#partitions.delete(partition.key);
  }

  #unlist(partition: Partition): void {
    partition.list?.remove(partition);
    partition.list = undefined;
  }
}

function firstNotHeldBack(partitions: LinkedList<Partition>, member: Member): Partition | undefined {
  let partition = partitions.first;
  while (partition?.key !== undefined && member.pausedPartitions.has(partition.key))
    partition = partition.next;
  return partition;
}
