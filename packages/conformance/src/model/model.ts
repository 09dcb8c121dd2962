import type { Variant } from "./model-broker.ts";
import type { ProgramSettings } from "./program.ts";
import { countsMayBeHigher, place, type Receiver } from "./receiver.ts";
import { Reception, type Run } from "./reception.ts";
import { nameOf, type Sent } from "./sent.ts";

/** How often a message runs alone before it is given up. */
const runsAlone = 2;

/** How late a message may be dated by its schema, and started by another and a middleware, in milliseconds. */
const latestStartMs = 1_000;

/**
 * What the guarantees allow. It hears all that happens to messages, and says of each whether it
 * may: what is wrong is in `violations`.
 */
export class Model {
  readonly violations: string[] = [];
  readonly sent: Sent[] = [];
  readonly receivers: Receiver[] = [];
  readonly #settings: ProgramSettings;
  readonly #elapsed: () => number;
  /** Published in sequence under one key. */
  readonly #sequences = new Map<string, Sent[]>();
  readonly #variant: Pick<Variant, "countsAttempts" | "retries">;

  constructor(
    settings: ProgramSettings,
    elapsed: () => number,
    variant: Pick<Variant, "countsAttempts" | "retries">,
  ) {
    this.#settings = settings;
    this.#elapsed = elapsed;
    this.#variant = variant;
  }

  violated(guarantee: string, what: string): void {
    this.violations.push(`${guarantee}: ${what} (at ${this.#elapsed()} ms)`);
  }

  receiver(to: string, group: string | undefined): Receiver {
    const found = this.receivers.find((each) => each.to === to && each.group === group);
    if (found !== undefined) return found;
    const made: Receiver = {
      to,
      group,
      calmSince: 0,
      clients: new Set(),
      losses: 0,
      wasDeceived: false,
      losesLeases: false,
      receptions: new Map(),
    };
    this.receivers.push(made);
    return made;
  }

  // ── Publishing ──────────────────────────────────────────────────────────────

  publishes(message: Omit<Sent, "number" | "at" | "outcome" | "stored">): Sent {
    const sent: Sent = {
      ...message,
      number: this.sent.length,
      at: this.#elapsed(),
      outcome: "pending",
      stored: false,
    };
    this.sent.push(sent);
    this.#sequenceOf(sent)?.push(sent);
    return sent;
  }

  confirmed(sent: Sent): void {
    sent.outcome = "confirmed";
    if (!sent.stored) this.violated("G1", `${nameOf(sent)} was confirmed, and the broker does not have it`);
  }

  #sequenceOf({ to, ordered, key, publisher }: Sent): Sent[] | undefined {
    if (!ordered || key === undefined) return undefined;
    const id = `${to} ${key} ${publisher}`;
    let sequence = this.#sequences.get(id);
    if (sequence === undefined) {
      sequence = [];
      this.#sequences.set(id, sequence);
    }
    return sequence;
  }

  // ── What befalls consumers ──────────────────────────────────────────────────

  /** What its consumers hold may come again. */
  disturbed(receiver: Receiver): void {
    receiver.losses++;
    receiver.calmSince = Math.max(receiver.calmSince, this.#elapsed() + 1);
  }

  // ── Handling ────────────────────────────────────────────────────────────────

  reception(receiver: Receiver, number: number): Reception {
    let reception = receiver.receptions.get(number);
    if (reception === undefined) {
      reception = new Reception();
      receiver.receptions.set(number, reception);
    }
    return reception;
  }

  /** A handler is called. */
  starts(receiver: Receiver, number: number, attempt: number, run: Run): Reception | undefined {
    const sent = this.sent[number];
    const where = place(receiver);
    if (sent === undefined || sent.to !== receiver.to || !sent.stored) {
      this.violated("G13", `${where} got ${number}, which nobody published there`);
      return undefined;
    }
    const reception = this.reception(receiver, number);
    this.#checkAttempt(receiver, sent, reception, attempt);
    this.#checkTime(receiver, sent, reception);
    this.#checkOrder(receiver, sent, reception, run);
    // What is brought back by a redrive has none any more.
    if (reception.redriven === 0 && this.#hasExpired(sent, latestStartMs))
      this.violated("G12", `${where} got ${nameOf(sent)} after it had expired`);
    if (this.#isCalm(receiver, sent)) {
      if (reception.isOver) this.violated("G2", `${where} got ${nameOf(sent)} again, after it was done`);
      if ([...reception.running].some((other) => other.isLive() && !other.hasSettled()))
        this.violated("G2", `${where} got ${nameOf(sent)} while a handler had it already`);
    }
    if (reception.settledForGood)
      this.violated("G3", `${where} got ${nameOf(sent)} again, though its ack was taken by the broker`);
    reception.starts++;
    reception.calls++;
    reception.running.add(run);
    return reception;
  }

  #isCalm(receiver: Receiver, sent: Sent): boolean {
    return sent.at >= receiver.calmSince;
  }

  #checkAttempt(receiver: Receiver, sent: Sent, reception: Reception, attempt: number): void {
    const { maxAttempts } = this.#settings;
    const due = reception.starts - reception.postponed + 1;
    const what = `${place(receiver)} got ${nameOf(sent)} as attempt ${attempt}, after ${due - 1} of ${maxAttempts}`;
    if (attempt < 1 || attempt > maxAttempts) this.violated("G4", what);
    // A message whose ack was lost may come again beside the copy that a redrive brought back.
    else if (
      attempt > (this.#isCalm(receiver, sent) ? due : reception.calls + 1) &&
      !countsMayBeHigher(receiver)
    )
      this.violated("G4", what);
    else if (
      attempt < Math.min(due, maxAttempts) - (this.#isCountedHereOnly(sent) ? this.#cutOff(reception) : 0) &&
      this.#isCalm(receiver, sent)
    )
      this.violated("G4", what);
  }

  /** The broker does not know of its attempts. */
  #isCountedHereOnly({ key }: Sent): boolean {
    const { countsAttempts, retries } = this.#variant;
    return key !== undefined || !countsAttempts || retries === "in place";
  }

  #cutOff({ cutOff, running }: Reception): number {
    return cutOff + [...running].filter((run) => !run.isLive()).length;
  }

  #checkTime(receiver: Receiver, sent: Sent, reception: Reception): void {
    const now = this.#elapsed();
    const where = place(receiver);
    if (reception.calls === 0 && now < sent.at + sent.delayMs)
      this.violated(
        "G4",
        `${where} got ${nameOf(sent)} ${sent.at + sent.delayMs - now} ms before its delay was over`,
      );
    if (this.#isCalm(receiver, sent) && now < reception.notBefore)
      this.violated(
        "G4",
        `${where} got ${nameOf(sent)} ${reception.notBefore - now} ms before its backoff was over`,
      );
  }

  /** By the broker's time, whatever the clocks of the clients show. */
  #hasExpired({ at, ttlMs }: Sent, lateMs = 0): boolean {
    return ttlMs !== undefined && this.#elapsed() >= at + ttlMs + lateMs;
  }

  #checkOrder(receiver: Receiver, sent: Sent, reception: Reception, own: Run): void {
    if (!sent.ordered || sent.key === undefined || receiver.losesLeases) return;
    const where = place(receiver);
    for (const [other, { running }] of receiver.receptions) {
      if (other === sent.number || this.sent[other]?.key !== sent.key) continue;
      for (const run of running) {
        // What its handler has acked is over for all other consumers, though it may go on.
        if (run.isLive() && !(run.hasSettled() && run.owner !== own.owner))
          this.violated(
            "G6",
            `${where} got ${nameOf(sent)} while ${nameOf(this.sent[other] as Sent)} was being handled`,
          );
      }
    }
    for (const other of this.#sequenceOf(sent) ?? []) {
      if (other === sent) continue;
      const its = receiver.receptions.get(other.number);
      if (other.number < sent.number) {
        if (
          other.stored &&
          other.outcome !== "failed" &&
          other.ttlMs === undefined &&
          !(its?.letsFollowersGo ?? false)
        )
          this.violated("G6", `${where} got ${nameOf(sent)} before ${nameOf(other)} was done`);
      } else if (sent.outcome !== "failed" && reception.calls === 0 && (its?.calls ?? 0) > 0) {
        this.violated("G6", `${where} got ${nameOf(sent)} for the first time after ${nameOf(other)}`);
      }
    }
  }

  // ── Dead-lettering ───────────────────────────────────────────────────────────

  /** The broker has a dead-lettered copy. */
  deadLettered(receiver: Receiver, number: number, attempts: number, why: string): void {
    const sent = this.sent[number];
    const where = place(receiver);
    if (sent === undefined)
      return this.violated("G5", `${where} dead-lettered ${number}, which nobody published`);
    const reception = this.reception(receiver, number);
    const what = `${where} dead-lettered ${nameOf(sent)} after ${reception.starts} handler calls, as attempt ${attempts}: ${why}`;
    // What took its process down whenever it ran alone may have done so before its handler was called.
    const mayBePoison = receiver.losses >= this.#settings.maxAttempts + runsAlone;
    // Another process may have had a handler fail on it, for all its count tells; but it is not said to have failed.
    const mayHaveFailed =
      sent.ttlMs !== undefined &&
      countsMayBeHigher(receiver) &&
      why.startsWith("EXPIRED: The message expired.");
    if (reception.starts === 0 && !mayBePoison && !mayHaveFailed) this.violated("G5", what);
    else if (
      reception.starts - reception.postponed < this.#settings.maxAttempts &&
      !reception.mayBeFinal &&
      sent.ttlMs === undefined &&
      !countsMayBeHigher(receiver)
    )
      this.violated("G5", what);
    if (attempts > this.#settings.maxAttempts) this.violated("G5", what);
    if (why.startsWith("EXPIRED") && !this.#hasExpired(sent))
      this.violated("G12", `${what}, before it had expired`);
    reception.deadLettered++;
    reception.mayBeAcked++;
  }

  /** A dead-lettered message is back where it failed: it begins anew. */
  redriven(receiver: Receiver, number: number): void {
    const reception = this.reception(receiver, number);
    if (reception.deadLettered <= reception.redriven && this.#isCalm(receiver, this.sent[number] as Sent))
      this.violated("G5", `${place(receiver)} had ${number} redriven, which was not dead-lettered`);
    reception.redriven++;
    reception.beginsAnew();
  }

  /** The broker was told that it is done. */
  acked(receiver: Receiver, number: number): void {
    const sent = this.sent[number];
    if (sent === undefined) return;
    const reception = this.reception(receiver, number);
    if (--reception.mayBeAcked < 0 && !this.#hasExpired(sent))
      this.violated(
        "G9",
        `${place(receiver)} acked ${nameOf(sent)}, which was neither handled nor dead-lettered`,
      );
  }

  // ── At the end ──────────────────────────────────────────────────────────────

  /** What is still to be handled. */
  unfinished(): string[] {
    const left: string[] = [];
    for (const sent of this.sent) {
      if (sent.outcome === "pending") left.push(`${nameOf(sent)} is not confirmed`);
      if (!sent.stored || sent.ttlMs !== undefined) continue;
      for (const receiver of this.receivers) {
        if (receiver.to !== sent.to || receiver.receptions.get(sent.number)?.isOver) continue;
        left.push(`${place(receiver)} has not handled ${nameOf(sent)}`);
      }
    }
    return left;
  }
}
