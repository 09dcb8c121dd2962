import { BoundedMap } from "@waybill/core/spi";

/** The most that is remembered, in bytes: of some thousand groups. The session of a forgotten member runs out. */
const maxBytes = 1024 * 1024;
/** What each id takes beside its text. */
const idBytes = 50;

/**
 * Ids of members that could not leave, by group. The broker counts them as
 * members until their session is over, and lets nobody have their partitions; whoever
 * joins the group next from here takes over such an id, and needs not wait.
 */
export class Orphans {
  readonly #byGroup = new BoundedMap<readonly string[]>(maxBytes);

  leave(groupId: string, memberId: string): void {
    this.#note(groupId, [...(this.#byGroup.get(groupId) ?? []), memberId]);
  }

  /** The one that has waited longest, if there is any. */
  adopt(groupId: string): string | undefined {
    const [memberId, ...others] = this.#byGroup.get(groupId) ?? [];
    if (memberId !== undefined) this.#note(groupId, others);
    return memberId;
  }

  #note(groupId: string, memberIds: readonly string[]): void {
    if (memberIds.length === 0) return void this.#byGroup.delete(groupId);
    const bytes = memberIds.reduce((sum, id) => sum + idBytes + 2 * id.length, 0);
    this.#byGroup.set(groupId, memberIds, bytes);
  }
}
