/** What may stand in a `DueHeap`. The fields are the heap's own. */
export interface Timed {
  dueAt: number;
  /** Tells apart what is due at the same time: first in, first out. */
  dueOrder: number;
  /** Where it is in the heap; -1 when it is in none. */
  dueIndex: number;
}

/** Items by due time, in a binary heap. Items know their place, so that one can be taken out before its time. */
export class DueHeap<T extends Timed> {
  readonly #items: T[] = [];
  #added = 0;

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    item.dueOrder = this.#added++;
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Takes an item out. Nothing happens if it is not in. */
  remove(item: T): void {
    const index = item.dueIndex;
    if (index === -1) return;
    item.dueIndex = -1;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#rise(last, index);
    this.#sink(last, last.dueIndex);
  }

  clear(): void {
    for (const item of this.#items) item.dueIndex = -1;
    this.#items.length = 0;
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#items[above] as T;
      if (isBefore(parent, item)) break;
      this.#place(parent, index);
      index = above;
    }
    this.#place(item, index);
  }

  #sink(item: T, from: number): void {
    const { length } = this.#items;
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= length) break;
      const right = below + 1;
      if (right < length && isBefore(this.#items[right] as T, this.#items[below] as T)) below = right;
      const child = this.#items[below] as T;
      if (isBefore(item, child)) break;
      this.#place(child, index);
      index = below;
    }
    this.#place(item, index);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item.dueIndex = index;
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.dueOrder < b.dueOrder);
}
