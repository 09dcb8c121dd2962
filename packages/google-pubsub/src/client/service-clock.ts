/** A date has whole seconds, and a server may write the same one for as long again. */
const dateLastsMs = 2_000;
/** By how much the steady clocks of two computers may drift apart, in milliseconds for each one. */
const drift = 0.0005;

/** A limit to the service's clock less the steady clock of this process, and when it was found, in milliseconds. */
interface Limit {
  readonly offsetMs: number;
  readonly at: number;
}

/**
 * What the service's own clock shows, by the dates of its responses and by when it stored what it
 * hands out. As long as this computer's clock may be right by that, it is taken as it is.
 * Otherwise the service's is taken as it is at least: what waits for it is never early.
 */
export class ServiceClock {
  #atLeast: Limit | undefined;
  #atMost: Limit | undefined;
  #hasDate = false;

  /** `date`: the header of a response that has just come; `askedAt`: when it was asked for, by `performance.now`. */
  noteDate(date: unknown, askedAt: number): void {
    const told = Date.parse(typeof date === "string" ? date : "");
    if (Number.isNaN(told)) return;
    this.#hasDate = true;
    this.#note(told, told + dateLastsMs, askedAt);
  }

  /** The service has just handed out what it stored then, milliseconds since the epoch. */
  noteStored(storedAt: number): void {
    this.#note(storedAt, Number.POSITIVE_INFINITY, 0);
  }

  /** What to add to the steady time of this process for the service's, in milliseconds. */
  get offsetMs(): number {
    const now = performance.now();
    const own = Date.now() - now;
    const atLeast = lowest(this.#atLeast, now);
    // Milliseconds are whole in the one clock and not in the other.
    return own < atLeast - 1 || own > highest(this.#atMost, now) ? atLeast : own;
  }

  /** Milliseconds since the epoch; `undefined` while no response had a date, as those of an emulator. */
  now(): number | undefined {
    return this.#hasDate ? Math.floor(performance.now() + this.offsetMs) : undefined;
  }

  /** The service's clock showed something between these two, at some moment from `askedAt` until now. */
  #note(earliest: number, latest: number, askedAt: number): void {
    const now = performance.now();
    const atLeast = { offsetMs: earliest - now, at: now };
    const atMost = { offsetMs: latest - askedAt, at: now };
    // The service's clock was set: what was known holds no longer.
    const isNew =
      atLeast.offsetMs > highest(this.#atMost, now) || atMost.offsetMs < lowest(this.#atLeast, now);
    if (isNew || atLeast.offsetMs > lowest(this.#atLeast, now)) this.#atLeast = atLeast;
    if (isNew || atMost.offsetMs < highest(this.#atMost, now)) this.#atMost = atMost;
  }
}

function lowest(limit: Limit | undefined, now: number): number {
  return limit === undefined ? Number.NEGATIVE_INFINITY : limit.offsetMs - (now - limit.at) * drift;
}

function highest(limit: Limit | undefined, now: number): number {
  return limit === undefined ? Number.POSITIVE_INFINITY : limit.offsetMs + (now - limit.at) * drift;
}
