import type { MemoryDelivery } from "../delivery.ts";
import { type Linked, LinkedList } from "./linked-list.ts";

/** The messages of one key, and who is working on them. A message without a key has a partition to itself. */
export class Partition implements Linked<Partition> {
  readonly key: string | undefined;
  readonly waiting = new LinkedList<MemoryDelivery>();
  /** How many were taken out and are not finished. */
  taken = 0;
  /** The only one that may get more of this key; set while something is taken. */
  holder: PartitionHolder | undefined = undefined;
  /** The list of partitions in which it stands. */
  list: LinkedList<Partition> | undefined = undefined;
  previous: Partition | undefined = undefined;
  next: Partition | undefined = undefined;

  constructor(key: string | undefined) {
    this.key = key;
  }
}

/** Who may have partitions to itself. */
export interface PartitionHolder {
  /** Partitions it holds in which something waits. */
  readonly partitions: LinkedList<Partition>;
}

/** A consumer as a backlog sees it: which keys it holds, and how much more it may be handed. */
export interface Taker extends PartitionHolder {
  /** Keys of which it wants no more for now. */
  readonly pausedPartitions: ReadonlySet<string>;
  /** Whose turn it is, its own partitions' or the free ones'. */
  ownTurn: boolean;
  /** Whether it may hold another message of so many bytes. */
  hasRoomFor(bytes: number): boolean;
}
