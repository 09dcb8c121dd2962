import type { Clock } from "../runtime/clock.ts";
import { deliveriesOf, redeliveriesOf, trialMarkOf } from "./handed-back-marks.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import { Isolation } from "./isolation.ts";
import type { Suspects } from "./suspects.ts";

/** How long a suspect runs, in milliseconds, before others may run beside it. */
const harmlessMs = 1_000;
/** How often a suspect that came without its mark is handed back with it before it is run without. */
const mostMarks = 3;

export interface TrialsContext {
  readonly clock: Clock;
  readonly maxAttempts: number;
  /** Whether the broker keeps the count that a message is handed back with. */
  readonly keepsMarks: boolean;
  /** A suspect waits, and nothing is being worked on: hand back all, and receive one at a time. */
  readonly onIsolate: () => void;
  /** What ran alone has ended well: receive as before. */
  readonly onIsolated: () => void;
  /** What runs alone has done so for a while: receive as before beside it. False where its consumer cannot. */
  readonly onWiden: () => boolean;
  /** More may start than before. */
  readonly onChange: () => void;
  readonly hasRunningSuspect: () => boolean;
  /** Leaves the mark on one that is held. `undefined`: its consumer cannot. Never rejects. */
  readonly mark: (suspect: InFlightDelivery, redeliveries: number) => Promise<void> | undefined;
  /** It has its mark, and may run. */
  readonly onMarked: (suspect: InFlightDelivery) => void;
}

/**
 * Runs suspects alone, each with a mark that outlives this process: it is left on the one that comes alone or, where
 * that cannot be, the first is handed back with it to come again alone. While they run well, more of them run at
 * once, and at last all.
 */
export class Trials {
  readonly #context: TrialsContext;
  readonly #suspects: Suspects;
  readonly #isolation: Isolation;
  #timer: unknown;
  #marksInARow = 0;
  #isStopped = false;

  constructor(suspects: Suspects, context: TrialsContext) {
    this.#context = context;
    this.#suspects = suspects;
    this.#isolation = new Isolation({
      clock: context.clock,
      onIsolate: () => this.#isolate(),
      onIsolated: context.onIsolated,
      onGivenUp: () => {
        suspects.goOnWithout();
        context.onChange();
      },
    });
  }

  /** While true, what runs may end and nothing is started. */
  get isWanted(): boolean {
    return this.#isolation.isWanted;
  }

  /** While true, one message at a time is to be received. */
  get isOn(): boolean {
    return this.#isolation.isOn;
  }

  /** True when it may run now. Else it waits until it may. */
  mayRun(suspect: InFlightDelivery): boolean {
    if (this.isOn && (!this.#mayMark || isOnTrial(suspect))) return true;
    const marking = this.isOn ? this.#mark(suspect) : undefined;
    if (marking !== undefined) {
      void marking.then(() => this.#context.onMarked(suspect));
      return false;
    }
    this.#suspects.add(suspect);
    if (this.isOn) this.#isolation.again(this.#waitMs());
    else this.check();
    return false;
  }

  /** Something has changed for those that wait. */
  check(): void {
    if (this.#suspects.needsIsolation) this.#isolation.want(this.#waitMs());
  }

  started({ suspect }: InFlightDelivery): void {
    if (suspect) this.#suspects.started();
    if (suspect || this.isOn) this.#watch();
  }

  /** Something that was worked on has ended. */
  ended({ suspect }: InFlightDelivery): void {
    if (suspect) {
      this.#marksInARow = 0;
      this.#suspects.ended();
    } else if (this.isOn) this.#stopWatching();
    this.#isolation.ended(suspect);
  }

  /** Nothing is being worked on. */
  idle(): void {
    this.#isolation.idle();
  }

  /** Nothing came to be run alone: back to many at a time. */
  end(): void {
    this.#isolation.end();
  }

  /** The subscription closes. */
  stop(): void {
    this.#isStopped = true;
    this.#isolation.stop();
    this.#stopWatching();
  }

  #isolate(): void {
    this.#stopWatching();
    const next = this.#suspects.next;
    if (next !== undefined && this.#mayMark && next.session.consumer.setRedeliveries === undefined) {
      this.#marksInARow++;
      next.isOnTrial = true;
      next.redeliveriesOfOthers = this.#suspects.redeliveriesOfOthers(next.message);
    }
    this.#context.onIsolate();
  }

  #mark(suspect: InFlightDelivery): Promise<void> | undefined {
    const redeliveriesOfOthers = this.#suspects.redeliveriesOfOthers(suspect.message);
    const { losses } = suspect;
    return this.#context.mark(suspect, redeliveriesOf({ losses, isOnTrial: true, redeliveriesOfOthers }));
  }

  get #mayMark(): boolean {
    return this.#context.keepsMarks && this.#marksInARow < mostMarks;
  }

  /** The more often it has come, the longer what runs may take to end before it runs among them. */
  #waitMs(): number {
    const { next } = this.#suspects;
    return Isolation.waitMs(next === undefined ? 0 : deliveriesOf(next.message) - this.#context.maxAttempts);
  }

  /** While suspects run without harm, more and more of them may. What came in place of one keeps nobody waiting for long. */
  #watch(): void {
    const { clock, onWiden, onChange, hasRunningSuspect } = this.#context;
    this.#timer ??= clock.setTimeout(() => {
      this.#timer = undefined;
      const isSuspect = hasRunningSuspect();
      if (this.#isStopped || !(isSuspect || this.isOn)) return;
      if (this.isOn) {
        if (!onWiden()) return;
        this.#isolation.widen();
      }
      if (isSuspect) {
        this.#suspects.grow();
        this.#watch();
      }
      onChange();
    }, harmlessMs);
  }

  #stopWatching(): void {
    this.#context.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** It comes with the mark that it was handed back with here. */
function isOnTrial({ message, losses }: InFlightDelivery): boolean {
  const mark = trialMarkOf(message);
  return mark?.isOnTrial === true && mark.losses === losses;
}
