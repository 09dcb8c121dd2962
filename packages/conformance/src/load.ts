import type { History, Numbered } from "./history.ts";

export interface LoadOptions {
  /** How many messages are to be confirmed. */
  readonly count: number;
  /** Ordering keys, taken in turn. Default: no key. */
  readonly keys?: readonly string[];
  /** The most that await confirmation at once. Default 1000. */
  readonly window?: number;
  /** Distinguishes publishers that use the same keys. */
  readonly producer?: string;
}

/** A publisher at work: keeps a window full until so many messages are confirmed. */
export class Load {
  confirmed = 0;
  /** Publishes that were rejected. Their messages may be stored or not. */
  failed = 0;
  lastError: unknown;
  /** Resolves when all are confirmed; rejects when nearly nothing is. */
  readonly done: Promise<void>;
  readonly #history: History;
  readonly #publish: (message: Numbered) => Promise<unknown>;
  readonly #options: LoadOptions;
  readonly #waiting: { readonly goal: number; readonly resolve: () => void }[] = [];
  #underWay = 0;
  #wake: () => void = () => undefined;

  constructor(history: History, publish: (message: Numbered) => Promise<unknown>, options: LoadOptions) {
    this.#history = history;
    this.#publish = publish;
    this.#options = options;
    this.done = this.#run();
    // A case that fails first has no interest in this any more.
    this.done.catch(() => undefined);
  }

  /** Resolves at once when so many are confirmed, while the others are still on their way. */
  reached(goal: number): Promise<void> {
    if (this.confirmed >= goal) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ goal, resolve }));
  }

  async #run(): Promise<void> {
    const { count, keys = [""], window = 1000 } = this.#options;
    for (let made = 0; this.confirmed < count; ) {
      if (this.failed > count) throw this.lastError;
      if (this.#underWay < window && this.confirmed + this.#underWay < count) {
        this.#start(keys[made++ % keys.length] as string);
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #start(key: string): void {
    const message = this.#history.next(key, this.#options.producer);
    this.#underWay++;
    this.#publish(message).then(
      () => {
        this.#history.confirm(message);
        this.confirmed++;
        if (this.#waiting.length > 0) this.#tell();
        this.#ended();
      },
      (error: unknown) => {
        this.failed++;
        this.lastError = error;
        this.#ended();
      },
    );
  }

  #tell(): void {
    for (const waiter of [...this.#waiting]) {
      if (this.confirmed < waiter.goal) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  #ended(): void {
    this.#underWay--;
    this.#wake();
  }
}

/** `count` keys, `key-0` and so on. */
export const keysNamed = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `key-${index}`);
