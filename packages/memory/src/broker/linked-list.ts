/** What may stand in a `LinkedList`. A node stands in one list at a time. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/**
 * A list whose nodes carry their own links: taking from the front, from the
 * middle and putting anywhere cost the same however long it is, and moving a node
 * from list to list allocates nothing.
 */
export class LinkedList<T extends Linked<T>> {
  first: T | undefined;
  last: T | undefined;
  size = 0;

  append(node: T): void {
    this.insertBefore(node, undefined);
  }

  /** Before `successor`, or at the end when there is none. */
  insertBefore(node: T, successor: T | undefined): void {
    const previous = successor === undefined ? this.last : successor.previous;
    node.previous = previous;
    node.next = successor;
    if (previous === undefined) this.first = node;
    else previous.next = node;
    if (successor === undefined) this.last = node;
    else successor.previous = node;
    this.size++;
  }

  /** The node must stand in this list. */
  remove(node: T): void {
    const { previous, next } = node;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    node.previous = undefined;
    node.next = undefined;
    this.size--;
  }

  *[Symbol.iterator](): Generator<T> {
    for (let node = this.first; node !== undefined; ) {
      const { next } = node;
      yield node;
      node = next;
    }
  }
}
