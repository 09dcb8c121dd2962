import { Deque } from "../runtime/deque.ts";
import { overheadBytes } from "./parked-bound.ts";

/**
 * What moves from member to member as one (a partition, a message group), and
 * under cumulative settlement the keeper of its watermark.
 */
export class Partition<T extends { done: boolean; readonly size: number }> {
  readonly name: string;
  /** It is going: nothing of it is started any more. */
  revoking = false;
  /** Deliveries that are held. */
  held = 0;
  /** Of these: those that wait behind their key, or for their next attempt. */
  parked = 0;
  parkedBytes = 0;
  /** Deliveries whose handler runs or that are on their way to be settled. */
  working = 0;
  /** Under cumulative settlement: all that the watermark has not passed, in order of receipt. */
  readonly #open = new Deque<T>();
  #openBytes = 0;
  /** Ended, but behind one that has not. */
  #blocked = 0;
  #idle: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** How many are done and cannot be settled yet because an earlier one is not. */
  get blocked(): number {
    return this.#blocked;
  }

  /** What the watermark has not passed takes so many bytes, all told. */
  get openBytes(): number {
    return this.#openBytes + overheadBytes * this.#open.size;
  }

  /** Nothing speaks of it any more; should more of it come, another partition will do as well. */
  get isOver(): boolean {
    return this.held === 0 && this.working === 0 && this.#open.size === 0 && !this.revoking;
  }

  track(delivery: T): void {
    this.#open.push(delivery);
    this.#openBytes += delivery.size;
  }

  /** Marks one as done; returns the last one that the watermark has now passed, if it moved. */
  complete(delivery: T): T | undefined {
    delivery.done = true;
    this.#blocked++;
    let passed: T | undefined;
    for (let head = this.#open.peek(); head?.done; head = this.#open.peek()) {
      passed = this.#open.shift();
      this.#openBytes -= head.size;
      this.#blocked--;
    }
    return passed;
  }

  started(): void {
    this.working++;
  }

  ended(): void {
    this.working--;
    if (this.working === 0 && this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing of it is being worked on. */
  idle(): Promise<void> {
    return this.working === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}
