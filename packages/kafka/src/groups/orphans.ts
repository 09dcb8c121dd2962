/**
 * Ids of members that could not leave, by group. The broker counts them as
 * members until their session is over, and lets nobody have their partitions; whoever
 * joins the group next from here takes over such an id, and needs not wait.
 */
export class Orphans {
  readonly #byGroup = new Map<string, string[]>();

  leave(groupId: string, memberId: string): void {
    const known = this.#byGroup.get(groupId);
    if (known === undefined) this.#byGroup.set(groupId, [memberId]);
    else known.push(memberId);
  }

  adopt(groupId: string): string | undefined {
    const known = this.#byGroup.get(groupId);
    const memberId = known?.shift();
    if (known?.length === 0) this.#byGroup.delete(groupId);
    return memberId;
  }
}
