import { BoundedMap } from "@waybill/core/spi";

/** The most groups whose coordinator is known, in bytes of their names: some 5,000. That of a forgotten one is asked for again. */
const maxBytes = 1024 * 1024;

/** Which node coordinates each group that this connection has to do with. */
export class Coordinators {
  readonly #nodes = new BoundedMap<number>(maxBytes);

  get size(): number {
    return this.#nodes.size;
  }

  /** The group's coordinator, by `ask` where it is not known. */
  async of(groupId: string, ask: () => Promise<number>): Promise<number> {
    const known = this.#nodes.get(groupId);
    if (known !== undefined) return known;
    const node = await ask();
    this.#nodes.set(groupId, node);
    return node;
  }

  forget(groupId: string): void {
    this.#nodes.delete(groupId);
  }
}
