/** How many deliveries are being worked on: they run, or are on their way to a retry or a dead-letter queue. */
export class WorkUnderWay {
  #size = 0;
  #waiting: { readonly but: number; readonly resolve: () => void }[] = [];

  get size(): number {
    return this.#size;
  }

  begins(): void {
    this.#size++;
  }

  ends(): void {
    this.#size--;
    if (this.#waiting.length > 0) this.#tell();
  }

  /** Resolves when no more than so many are being worked on. */
  idle(but = 0): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ but, resolve });
      this.#tell();
    });
  }

  #tell(): void {
    this.#waiting = this.#waiting.filter(({ but, resolve }) => {
      if (this.#size > but) return true;
      resolve();
      return false;
    });
  }
}
