import type { Clock } from "../runtime/clock.ts";
import { deliveriesOf, trialMarkOf } from "./handed-back-marks.ts";
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
}

/**
 * Runs suspects alone. The first is handed back with a mark that outlives this process and comes again as the only
 * one; while it runs well, more of them run at once, and at last all.
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
    this.#suspects.add(suspect);
    if (this.isOn) this.#isolation.again(this.#patienceMs());
    else this.check();
    return false;
  }

  /** Something has changed for those that wait. */
  check(): void {
    if (this.#suspects.needsIsolation) this.#isolation.want(this.#patienceMs());
  }

  started(): void {
    this.#suspects.started();
    this.#watch();
  }

  /** Something that was worked on has ended. */
  ended({ suspect }: InFlightDelivery): void {
    if (suspect) {
      this.#marksInARow = 0;
      this.#suspects.ended();
    }
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
    this.#context.clock.clearTimeout(this.#timer);
  }

  #isolate(): void {
    const next = this.#suspects.next;
    if (next !== undefined && this.#mayMark) {
      this.#marksInARow++;
      next.isOnTrial = true;
      next.redeliveriesOfOthers = this.#suspects.redeliveriesOfOthers(next.message);
    }
    this.#context.onIsolate();
  }

  get #mayMark(): boolean {
    return this.#context.keepsMarks && this.#marksInARow < mostMarks;
  }

  /** The more often it has come, the longer what runs may take to end before it runs among them. */
  #patienceMs(): number {
    const { next } = this.#suspects;
    return Isolation.waitMs(next === undefined ? 0 : deliveriesOf(next.message) - this.#context.maxAttempts);
  }

  /** While suspects run without harm, more and more of them may. */
  #watch(): void {
    const { clock, onWiden, onChange, hasRunningSuspect } = this.#context;
    this.#timer ??= clock.setTimeout(() => {
      this.#timer = undefined;
      if (this.#isStopped || !hasRunningSuspect()) return;
      if (this.isOn) {
        if (!onWiden()) return;
        this.#isolation.widen();
      }
      this.#suspects.grow();
      this.#watch();
      onChange();
    }, harmlessMs);
  }
}

/** It comes with the mark that it was handed back with here. */
function isOnTrial({ message, losses }: InFlightDelivery): boolean {
  const mark = trialMarkOf(message);
  return mark?.isOnTrial === true && mark.losses === losses;
}
