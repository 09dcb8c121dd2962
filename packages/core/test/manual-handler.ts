import type { Delivery } from "../src/index.ts";
import { type Gate, gate } from "./workbench.ts";

/** A handler that stays with every message until the test says how it ends. */
export class ManualHandler {
  /** Values in the order in which their handlers began; `2#3` is the third attempt at 2. */
  readonly began: string[] = [];
  /** The deliveries, newest last. */
  readonly deliveries: Delivery[] = [];
  most = 0;
  readonly #running = new Map<unknown, Gate<void>>();

  get running(): number {
    return this.#running.size;
  }

  readonly handler = async (value: unknown, delivery: Delivery): Promise<void> => {
    this.began.push(delivery.attempt === 1 ? String(value) : `${value}#${delivery.attempt}`);
    this.deliveries.push(delivery);
    const ending = gate();
    this.#running.set(value, ending);
    this.most = Math.max(this.most, this.#running.size);
    await ending.opened.finally(() => {
      if (this.#running.get(value) === ending) this.#running.delete(value);
    });
  };

  /** The newest delivery of this value. */
  delivery(value: unknown): Delivery {
    const found = this.deliveries.findLast((each) => each.value === value);
    if (found === undefined) throw new Error(`nobody handles ${value}`);
    return found;
  }

  isRunning(value: unknown): boolean {
    return this.#running.has(value);
  }

  end(...values: readonly unknown[]): void {
    for (const value of values) this.#gate(value).open();
  }

  fail(value: unknown, error: unknown = new Error("the handler failed")): void {
    this.#gate(value).fail(error);
  }

  #gate(value: unknown): Gate<void> {
    const found = this.#running.get(value);
    if (found === undefined) throw new Error(`nobody handles ${value}`);
    return found;
  }
}
