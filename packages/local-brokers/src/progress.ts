import type { BrokerName } from "./names.ts";

export interface ProgressEvent {
  readonly broker: BrokerName;
  readonly message: string;
  /** Milliseconds since work on this broker began. */
  readonly elapsedMs: number;
}

export type ProgressListener = (event: ProgressEvent) => void;

const reminderMs = 10_000;

/** Tells what is being done for one broker, and for how long. */
export class Progress {
  readonly #broker: BrokerName;
  readonly #listener: ProgressListener;
  readonly #began = performance.now();

  constructor(broker: BrokerName, listener: ProgressListener = () => {}) {
    this.#broker = broker;
    this.#listener = listener;
  }

  say(message: string): void {
    this.#listener({ broker: this.#broker, message, elapsedMs: Math.round(performance.now() - this.#began) });
  }

  /** Says `message`, does the work, and repeats the message now and then so that a slow step is seen to live. */
  async during<T>(message: string, work: () => Promise<T>): Promise<T> {
    this.say(message);
    const timer = setInterval(() => this.say(`still ${message}`), reminderMs);
    try {
      return await work();
    } finally {
      clearInterval(timer);
    }
  }
}
