/**
 * Notices a connection on which nothing comes back any more: gRPC would wait for
 * minutes. Asks only while a call is under way and nothing at all has been heard.
 */
export class ConnectionMonitor {
  readonly #silenceMs: number;
  readonly #ask: () => Promise<boolean>;
  readonly #onDead: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Calls under way. */
  #calls = 0;
  #heardAt = 0;
  /** Whether there was any answer since it last asked. */
  #heard = false;
  #asking = false;

  /** `ask` resolves with whether there was any reply within `silenceMs`. */
  constructor(silenceMs: number, ask: () => Promise<boolean>, onDead: () => void) {
    this.#silenceMs = silenceMs;
    this.#ask = ask;
    this.#onDead = onDead;
    this.#timer = setInterval(() => void this.#look(), silenceMs / 4);
    this.#timer.unref();
  }

  /** A call begins. */
  callStarted(): void {
    if (this.#calls++ === 0) this.#heardAt = performance.now();
  }

  /** It has ended; `answered`: by a reply of whatever kind. */
  callEnded(answered: boolean): void {
    this.#calls--;
    if (!answered) return;
    this.#heardAt = performance.now();
    this.#heard = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#calls === 0 || this.#asking || performance.now() - this.#heardAt < this.#silenceMs) return;
    this.#asking = true;
    this.#heard = false;
    const answered = await this.#ask();
    this.#asking = false;
    if (answered) this.#heardAt = performance.now();
    // This question may be late, and others answered.
    else if (!this.#heard) this.#onDead();
  }
}
