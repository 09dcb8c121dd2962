import type { Model } from "./model.ts";
import type { ModelTime } from "./model-time.ts";

/** What was begun and must come to an end, in time. */
export class Deadlines {
  readonly #model: Model;
  readonly #time: ModelTime;
  /** By the work: what it is, and by when. */
  readonly #underWay = new Map<Promise<unknown>, { readonly what: string; readonly by: number }>();

  constructor(model: Model, time: ModelTime) {
    this.#model = model;
    this.#time = time;
  }

  /** Expects it to end within so many milliseconds, and not to fail. */
  begun(what: string, forMs: number, work: Promise<unknown>): void {
    this.#underWay.set(work, { what, by: this.#time.elapsed + forMs });
    const end = () => {
      const { by } = this.#underWay.get(work) ?? { by: 0 };
      this.#underWay.delete(work);
      if (this.#time.elapsed > by)
        this.#model.violated("G9", `${what} took ${this.#time.elapsed - by} ms longer than it may`);
    };
    work.then(end, (error) => {
      end();
      this.#model.violated("errors", `${what}, and fails: ${String(error)}`);
    });
  }

  /** Moves time on until all has ended, but no longer than so many milliseconds; what has not is a violation. */
  async allEnd(ms: number): Promise<void> {
    await this.#time.pass(ms, () => this.#underWay.size === 0);
    for (const { what } of this.#underWay.values()) this.#model.violated("G10", `${what}, and does not end`);
  }
}
