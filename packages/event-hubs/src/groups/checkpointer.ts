import type { GroupId, GroupStore } from "../checkpoints/store.ts";
import type { Lane } from "../reading/lane.ts";

/** How far a lane is done. */
export interface Mark {
  readonly lane: Lane;
  readonly sequenceNumber: number;
  readonly offset: string;
}

interface Book {
  /** The furthest that is not in the store yet. */
  pending: Mark | undefined;
  writing: Promise<void> | undefined;
  timer: NodeJS.Timeout | undefined;
  writtenAt: number;
  failure: { readonly cause: unknown } | undefined;
}

/** After a failure it is tried again no sooner than this. */
const againMs = 200;

/**
 * Writes checkpoints, for each partition one at a time, and not more often than the
 * interval, since a store may charge for each of them. The latest goes; a crash repeats
 * at most what an interval brought.
 */
export class Checkpointer {
  readonly #store: GroupStore;
  readonly #group: GroupId;
  readonly #intervalMs: number;
  readonly #onTrouble: (cause: unknown) => void;
  readonly #books = new Map<Lane, Book>();

  constructor(store: GroupStore, group: GroupId, intervalMs: number, onTrouble: (cause: unknown) => void) {
    this.#store = store;
    this.#group = group;
    this.#intervalMs = intervalMs;
    this.#onTrouble = onTrouble;
  }

  /** To be written within the interval. Answers why the lane's last write failed, if it did. */
  record(mark: Mark): { readonly cause: unknown } | undefined {
    const book = this.#bookOf(mark.lane);
    if (book.pending === undefined || book.pending.sequenceNumber < mark.sequenceNumber) book.pending = mark;
    this.#schedule(mark.lane, book, this.#intervalMs);
    return book.failure;
  }

  /** Resolves when what is recorded of these lanes is written, or has failed once more. */
  async flush(lanes: Iterable<Lane>): Promise<void> {
    await Promise.all(
      [...lanes].map(async (lane) => {
        const book = this.#books.get(lane);
        if (book === undefined) return;
        await book.writing;
        await this.#write(lane, book);
      }),
    );
  }

  /** The lane is someone else's: nothing more is written for it. */
  forget(lane: Lane): void {
    const book = this.#books.get(lane);
    this.#books.delete(lane);
    if (book !== undefined) {
      clearTimeout(book.timer);
      book.pending = undefined;
    }
  }

  #bookOf(lane: Lane): Book {
    let book = this.#books.get(lane);
    if (book === undefined) {
      book = {
        pending: undefined,
        writing: undefined,
        timer: undefined,
        writtenAt: Number.NEGATIVE_INFINITY,
        failure: undefined,
      };
      this.#books.set(lane, book);
    }
    return book;
  }

  #schedule(lane: Lane, book: Book, intervalMs: number): void {
    if (book.timer !== undefined || book.writing !== undefined || book.pending === undefined) return;
    const waitMs = book.writtenAt + intervalMs - performance.now();
    if (waitMs <= 0) void this.#write(lane, book);
    else book.timer = setTimeout(() => void this.#write(lane, book), waitMs);
  }

  #write(lane: Lane, book: Book): Promise<void> {
    clearTimeout(book.timer);
    book.timer = undefined;
    const mark = book.pending;
    if (mark === undefined || book.writing !== undefined) return book.writing ?? Promise.resolve();
    book.pending = undefined;
    book.writtenAt = performance.now();
    book.writing = this.#store
      .updateCheckpoint({
        fullyQualifiedNamespace: this.#group.namespace,
        eventHubName: this.#group.hub,
        consumerGroup: this.#group.consumerGroup,
        partitionId: lane.partition,
        sequenceNumber: mark.sequenceNumber,
        offset: mark.offset,
      })
      .then(
        () => {
          book.failure = undefined;
        },
        (cause: unknown) => {
          if (book.failure === undefined) this.#onTrouble(cause);
          book.failure = { cause };
          if (this.#books.get(lane) === book) book.pending ??= mark;
        },
      )
      .then(() => {
        book.writing = undefined;
        const isFine = book.failure === undefined;
        this.#schedule(lane, book, isFine ? this.#intervalMs : Math.max(againMs, this.#intervalMs));
      });
    return book.writing;
  }
}
