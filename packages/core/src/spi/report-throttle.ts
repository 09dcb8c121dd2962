/** For how long the same kind of failure in the background is not reported again, in milliseconds. */
const sameKindMs = 30_000;

/**
 * Passes on what fails in the background, each kind of failure once in a while: as long as a
 * broker is away, every connection and every try would say so.
 */
export class ReportThrottle {
  readonly #kindOf: (cause: unknown) => string;
  readonly #report: (cause: unknown) => void;
  readonly #reportedAt = new Map<string, number>();

  /** `kindOf` tells failures apart; it must know few kinds, such as the codes of errors. */
  constructor(kindOf: (cause: unknown) => string, report: (cause: unknown) => void) {
    this.#kindOf = kindOf;
    this.#report = report;
  }

  report(cause: unknown): void {
    const kind = this.#kindOf(cause);
    const now = performance.now();
    const reportedAt = this.#reportedAt.get(kind);
    if (reportedAt !== undefined && now - reportedAt < sameKindMs) return;
    this.#reportedAt.set(kind, now);
    this.#report(cause);
  }
}
