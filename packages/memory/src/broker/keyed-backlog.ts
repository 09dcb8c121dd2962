import type { Backlog } from "./backlog.ts";
import type { MemoryDelivery } from "./delivery.ts";
import { type Linked, LinkedList } from "./linked-list.ts";
import type { Member } from "./member.ts";

/** The messages of one key, and who is working on them. A message without a key has a lane to itself. */
export class Lane implements Linked<Lane> {
  readonly key: string | undefined;
  readonly waiting = new LinkedList<MemoryDelivery>();
  /** How many were taken out and are not finished. */
  taken = 0;
  /** The only one that may get more of this key; set while something is taken. */
  holder: Pick<Member, "lanes"> | undefined = undefined;
  /** The list of lanes in which it stands. */
  list: LinkedList<Lane> | undefined = undefined;
  previous: Lane | undefined = undefined;
  next: Lane | undefined = undefined;

  constructor(key: string | undefined) {
    this.key = key;
  }
}

/** Holds the lanes whose next message is not due yet. */
const nobody = { lanes: new LinkedList<Lane>() };

/**
 * Order per key: a key's messages go to one member at a time, and to another only
 * when none is taken. A lane with something waiting stands in its holder's list,
 * or, with no holder, in the list that all members share; so nobody ever searches.
 */
export class KeyedBacklog implements Backlog {
  readonly #lanes = new Map<string, Lane>();
  readonly #free = new LinkedList<Lane>();
  #sequence = 0;
  size = 0;

  add(delivery: MemoryDelivery): void {
    const lane = this.#laneOf(delivery.message.key);
    delivery.keyLane = lane;
    delivery.sequence = this.#sequence++;
    lane.waiting.append(delivery);
    this.size++;
    this.#place(lane);
  }

  /** One lane after another, free ones and the member's own by turns, so that no key holds up the rest. */
  next(member: Member): MemoryDelivery | undefined {
    const own = firstNotHeldBack(member.lanes, member);
    const free = firstNotHeldBack(this.#free, member);
    member.ownTurn = !member.ownTurn;
    const lane = member.ownTurn ? (own ?? free) : (free ?? own);
    const delivery = lane?.waiting.first;
    if (lane === undefined || delivery === undefined) return undefined;
    lane.waiting.remove(delivery);
    lane.taken++;
    lane.holder = member;
    this.size--;
    this.#unlist(lane);
    this.#place(lane);
    return delivery;
  }

  remove(delivery: MemoryDelivery): void {
    const lane = delivery.keyLane as Lane;
    lane.waiting.remove(delivery);
    this.size--;
    this.#place(lane);
  }

  finish(delivery: MemoryDelivery): void {
    this.#release(delivery.keyLane as Lane);
  }

  restore(deliveries: readonly MemoryDelivery[]): void {
    // Backwards, so that each finds its place at the very front, unless one before it was here already.
    for (const delivery of deliveries.toReversed()) {
      const lane = delivery.keyLane as Lane;
      let younger = lane.waiting.first;
      while (younger !== undefined && younger.sequence < delivery.sequence) younger = younger.next;
      lane.waiting.insertBefore(delivery, younger);
      this.size++;
      this.#release(lane);
    }
  }

  park(delivery: MemoryDelivery): void {
    const lane = delivery.keyLane as Lane;
    lane.holder = nobody;
    this.#place(lane);
  }

  #laneOf(key: string | undefined): Lane {
    if (key === undefined) return new Lane(undefined);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane(key);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #release(lane: Lane): void {
    lane.taken--;
    if (lane.taken === 0) lane.holder = undefined;
    this.#place(lane);
  }

  /** Puts the lane into the list where it belongs now. */
  #place(lane: Lane): void {
    const list = lane.waiting.size === 0 ? undefined : (lane.holder?.lanes ?? this.#free);
    if (list !== lane.list) {
      this.#unlist(lane);
      list?.append(lane);
      lane.list = list;
    }
    if (list === undefined && lane.taken === 0 && lane.key !== undefined) this.#lanes.delete(lane.key);
  }

  #unlist(lane: Lane): void {
    lane.list?.remove(lane);
    lane.list = undefined;
  }
}

function firstNotHeldBack(lanes: LinkedList<Lane>, member: Member): Lane | undefined {
  let lane = lanes.first;
  while (lane?.key !== undefined && member.heldBack.has(lane.key)) lane = lane.next;
  return lane;
}
