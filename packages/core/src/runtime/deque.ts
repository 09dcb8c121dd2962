/** A queue open at both ends: a ring in an array whose length is a power of two. */
export class Deque<T> {
  #ring: (T | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
  }

  unshift(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#size++;
  }

  peek(): T | undefined {
    return this.#ring[this.#head];
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return item;
  }

  /** Keeps what matches, in order. Returns the others. */
  retain(keep: (item: T) => boolean): T[] {
    const removed: T[] = [];
    for (let left = this.#size; left > 0; left--) {
      const item = this.shift() as T;
      if (keep(item)) this.push(item);
      else removed.push(item);
    }
    return removed;
  }

  #grow(): void {
    const bigger: (T | undefined)[] = new Array(this.#ring.length * 2);
    for (let i = 0; i < this.#size; i++) bigger[i] = this.#ring[(this.#head + i) & (this.#ring.length - 1)];
    this.#ring = bigger;
    this.#head = 0;
  }
}
