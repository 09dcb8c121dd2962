import { MessagingError } from "../errors/messaging-error.ts";
import { type Clock, monotonicNow } from "../runtime/clock.ts";
import type { DeadLetteredCopies } from "./dead-lettered-copies.ts";

/** How long to wait before the first look after something has happened, in milliseconds… */
const leastMs = 5_000;
/** …and how long at most, since the wait doubles while nothing does. */
const mostMs = 60_000;
/** So many looks in a row must not find a copy… */
const looksWithout = 2;
/** …and so long apart, in milliseconds: a redrive elsewhere may have it in hand, and put it back. */
const confirmMs = 20_000;
/** So many in a row that tell nothing are told of. */
const looksInVain = 5;

export interface DeadLetterWatchContext {
  /** The dead-letter queue's portable name. */
  readonly name: string;
  readonly clock: Clock;
  /** How long a look that was cut off may keep what it took from all others, in milliseconds. */
  readonly leaseMs: number | undefined;
  /** Looks, and leaves all as it was. `trustsNone`: where the broker tells of no message, that is enough. */
  look(options: { readonly trustsNone: boolean; readonly signal: AbortSignal }): Promise<DeadLetteredCopies>;
  readonly onWarning: (warning: MessagingError) => void;
}

/** What may become of a copy. One of the two is called, once. */
export interface CopyListener {
  /** It is there no more, and nobody knows why. */
  readonly onGone: () => void;
  /** A redrive of this client has brought it back. */
  readonly onRedriven: (run: string) => void;
}

interface WatchedCopy {
  readonly name: string;
  readonly listener: CopyListener;
  /** Looks in a row that have not found it. */
  missed: number;
}

type Answer = (copies: DeadLetteredCopies | undefined) => void;

/**
 * Looks at one dead-letter queue from time to time, once for all who wait for something in it.
 * Where a look takes messages, two at once see a part each: only what saw all there was counts.
 */
export class DeadLetterWatch {
  readonly #context: DeadLetterWatchContext;
  readonly #watched = new Set<WatchedCopy>();
  #asked: Answer[] = [];
  #intervalMs = leastMs;
  #timer: unknown;
  #dueAt = 0;
  #looking: Promise<void> | undefined;
  #pauses = 0;
  readonly #closing = new AbortController();
  #inVain = 0;

  constructor(context: DeadLetterWatchContext) {
    this.#context = context;
  }

  /** Calls back once, when the copy is there no more. Returns how to stop. */
  watch(name: string, listener: CopyListener): () => void {
    const watched: WatchedCopy = { name, listener, missed: 0 };
    this.#watched.add(watched);
    this.#intervalMs = leastMs;
    this.#schedule();
    return () => {
      this.#watched.delete(watched);
      if (this.#watched.size === 0) this.#stopTimer();
    };
  }

  /** A redrive has published the copy of this name to where it failed. */
  redriven(name: string, run: string): void {
    for (const watched of [...this.#watched]) {
      if (watched.name !== name) continue;
      this.#watched.delete(watched);
      watched.listener.onRedriven(run);
    }
  }

  /** What a look that begins from now on sees; `undefined` when it could not be had. */
  ask(): Promise<DeadLetteredCopies | undefined> {
    return new Promise((resolve) => {
      this.#asked.push(resolve);
      this.#lookNow();
    });
  }

  /** No look gets in the way of a redrive until the returned function is called. */
  pause(): () => void {
    this.#pauses++;
    this.#stopTimer();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#pauses--;
      this.#intervalMs = leastMs;
      if (this.#asked.length > 0) this.#lookNow();
      else this.#schedule();
    };
  }

  /** Resolves when what a look had taken is handed back. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#stopTimer();
    for (const answer of this.#asked.splice(0)) answer(undefined);
    await this.#looking;
  }

  #schedule(): void {
    if (
      this.#closing.signal.aborted ||
      this.#pauses > 0 ||
      this.#looking !== undefined ||
      this.#watched.size === 0
    )
      return;
    const { clock } = this.#context;
    const now = monotonicNow(clock);
    // Not all processes at the same time.
    const waitMs = this.#intervalMs * (0.75 + Math.random() / 2);
    if (this.#timer !== undefined && this.#dueAt <= now + waitMs) return;
    this.#stopTimer();
    this.#dueAt = now + waitMs;
    this.#timer = clock.setTimeout(() => {
      this.#timer = undefined;
      this.#lookNow();
    }, waitMs);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#context.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookNow(): void {
    if (this.#closing.signal.aborted) for (const answer of this.#asked.splice(0)) answer(undefined);
    if (this.#closing.signal.aborted || this.#pauses > 0 || this.#looking !== undefined) return;
    this.#stopTimer();
    this.#looking = this.#look().then(() => {
      this.#looking = undefined;
      if (this.#asked.length > 0) this.#lookNow();
      else this.#schedule();
    });
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const asked = this.#asked.splice(0);
    // What comes to be watched meanwhile may have come too late for this look.
    const watched = [...this.#watched];
    let copies: DeadLetteredCopies | undefined;
    let cause: unknown;
    try {
      copies = await this.#context.look({
        trustsNone: watched.length === 0,
        signal: this.#closing.signal,
      });
    } catch (error) {
      cause = error;
    }
    for (const answer of asked) answer(copies);
    if (this.#closing.signal.aborted) return;
    this.#intervalMs = Math.min(mostMs, this.#intervalMs * 2);
    if (copies?.isComplete) this.#inVain = 0;
    else if (++this.#inVain === looksInVain && watched.length > 0) this.#tellInVain(cause);
    for (const each of watched) this.#note(each, copies);
  }

  #note(watched: WatchedCopy, copies: DeadLetteredCopies | undefined): void {
    const isMissing = copies?.isComplete === true && !copies.hasAny(watched.name);
    watched.missed = isMissing ? watched.missed + 1 : 0;
    if (!isMissing || !this.#watched.has(watched)) return;
    if (watched.missed >= looksWithout) {
      this.#watched.delete(watched);
      watched.listener.onGone();
    } else {
      // What another process had taken, and the broker does not count, has come back by then.
      const othersMs = copies.isCounted ? 0 : 1.5 * (this.#context.leaseMs ?? 0);
      this.#intervalMs = Math.max(confirmMs, othersMs);
    }
  }

  #tellInVain(cause: unknown): void {
    const { name, onWarning } = this.#context;
    onWarning(
      new MessagingError(
        "KEY_BLOCKED",
        `"${name}" could not be looked at to its end ${looksInVain} times, so keys that wait for its messages stay blocked.`,
        {
          remedy: "Redrive or remove what is in it, and stop what else takes its messages.",
          cause,
          details: { deadLetterQueue: name },
        },
      ),
    );
  }
}
