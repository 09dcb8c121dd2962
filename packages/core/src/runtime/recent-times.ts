/** The first time that each of the most recent names was noted; older names are forgotten. */
export class RecentTimes {
  readonly #most: number;
  readonly #times = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Notes the name, and answers when it was first noted. */
  note(name: string, now: number): number {
    const known = this.#times.get(name);
    if (known !== undefined) return known;
    this.#times.set(name, now);
    if (this.#times.size > this.#most) {
      for (const oldest of this.#times.keys()) {
        this.#times.delete(oldest);
        break;
      }
    }
    return now;
  }
}
