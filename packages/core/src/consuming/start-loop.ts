import { type Clock, monotonicNow } from "../runtime/clock.ts";
import { eventLoopTurns } from "../runtime/event-loop-turns.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { ReadyDeliveries } from "./ready-deliveries.ts";

export interface StartLoopHost {
  readonly clock: Clock;
  /** Another may start now. */
  mayStart(): boolean;
  /** Its turn has come, at this steady time. */
  start(delivery: InFlightDelivery, now: number): void;
  /** All that may start has been started, or goes on later. */
  onPause(): void;
}

/** How many are started in a row before what they wait for goes on, so that it counts as well. */
const mostInARow = 64;

/** The time is asked for once for so many starts: it costs 70 ns, of some 800 that a start does. */
const startsPerLook = 4;

/** Starts what is ready, for as long as it may, and shares the event loop with all else in this process. */
export class StartLoop {
  readonly #ready: ReadyDeliveries;
  readonly #host: StartLoopHost;
  #isRunning = false;
  #waitsForTurn = false;

  constructor(ready: ReadyDeliveries, host: StartLoopHost) {
    this.#ready = ready;
    this.#host = host;
  }

  run(): void {
    this.#run(false);
  }

  #run(isOwnTurn: boolean): void {
    // A handler that returns at once ends inside `start`: the loop goes on, without recursion.
    if (this.#isRunning || this.#waitsForTurn) return;
    this.#isRunning = true;
    try {
      // No turn is so long that its beginning could not stand for all that start in it.
      let now: number | undefined;
      for (let started = 0; !this.#ready.isEmpty && this.#host.mayStart(); started++) {
        if (started >= mostInARow || (started % startsPerLook === 0 && isTurnOver(isOwnTurn, started))) {
          this.#goOnLater();
          break;
        }
        const delivery = this.#ready.take();
        if (delivery === undefined) break;
        now ??= monotonicNow(this.#host.clock);
        this.#host.start(delivery, now);
      }
    } finally {
      this.#isRunning = false;
    }
    this.#host.onPause();
  }

  /** What has been started goes on first and, when this turn is over, the others of this process. */
  #goOnLater(): void {
    this.#waitsForTurn = true;
    const later = eventLoopTurns.isOver ? eventLoopTurns.next() : Promise.resolve();
    void later.then(() => {
      this.#waitsForTurn = false;
      this.#run(true);
    });
  }
}

/** Whoever has waited for its turn starts one at least. */
function isTurnOver(isOwnTurn: boolean, started: number): boolean {
  return eventLoopTurns.isOver && !(isOwnTurn && started === 0);
}
