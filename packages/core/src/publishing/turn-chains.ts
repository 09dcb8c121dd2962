/** A place in a chain. Whoever has it acts when all before it have acted or given up. */
export class Turn {
  readonly #onEnd: (last: Turn) => void;
  #next: Turn | undefined;
  #isFirst: boolean;
  #isOver = false;
  #action: (() => void) | undefined;

  constructor(previous: Turn | undefined, onEnd: (last: Turn) => void) {
    this.#onEnd = onEnd;
    this.#isFirst = previous === undefined;
    if (previous !== undefined) previous.#next = this;
  }

  /** Acts as soon as it is this one's turn, which may be now; then the next has its turn. Returns whether it was now. */
  take(action: () => void): boolean {
    if (this.#isOver) return false;
    this.#action = action;
    if (!this.#isFirst) return false;
    this.#pass();
    return true;
  }

  /** Never acts, or has acted: the next need not wait for it. */
  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#action = undefined;
    if (this.#isFirst) this.#pass();
  }

  /** A loop, since a chain may be long. */
  #pass(): void {
    let turn: Turn = this;
    for (;;) {
      turn.#isFirst = true;
      const action = turn.#action;
      if (!turn.#isOver && action === undefined) return;
      turn.#isOver = true;
      turn.#action = undefined;
      action?.();
      if (turn.#next === undefined) return turn.#onEnd(turn);
      turn = turn.#next;
    }
  }
}

/**
 * Chains of turns: what belongs to one chain acts in the order in which it entered,
 * however long each takes before it is ready. A chain with nobody in it is forgotten.
 */
export class TurnChains<Owner extends object> {
  /** The last turn of every chain. */
  readonly #chains = new Map<Owner, Map<string, Turn>>();

  /** Whether anybody is in this chain. */
  isBusy(owner: Owner, name: string): boolean {
    return this.#chains.size > 0 && this.#chains.get(owner)?.has(name) === true;
  }

  enter(owner: Owner, name: string): Turn {
    let chains = this.#chains.get(owner);
    if (chains === undefined) {
      chains = new Map();
      this.#chains.set(owner, chains);
    }
    const lasts = chains;
    const turn = new Turn(lasts.get(name), (last) => {
      if (lasts.get(name) !== last) return;
      lasts.delete(name);
      if (lasts.size === 0) this.#chains.delete(owner);
    });
    lasts.set(name, turn);
    return turn;
  }
}
