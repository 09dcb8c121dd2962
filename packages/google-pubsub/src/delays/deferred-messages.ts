import type { Service } from "../client/service.ts";
import type { GooglePubsubDelivery } from "../delivery.ts";

/** The longest an ack deadline can be moved, in milliseconds. */
const longestMs = 600_000;
/** For how much longer than it needs a message is deferred, so that this consumer is the one that lets it out. */
const graceMs = 2_000;
/** How much earlier than its end a deferral is renewed, in milliseconds. */
const earlyMs = 30_000;
/** Due times are grouped by so many milliseconds, for one call each. */
const grainMs = 20;
/** Beyond so many, the end of the ack deadline alone lets messages out. */
const mostRemembered = 50_000;

interface Deferred {
  readonly ackId: string;
  /** By `performance.now`. */
  readonly dueAt: number;
}

/**
 * Keeps what is not due away from everybody, by its ack deadline. Only ids are
 * remembered here, to let messages out to the moment; a consumer that dies leaves
 * them to the deadline, which ends soon after they are due.
 */
export class DeferredMessages {
  readonly #service: Service;
  readonly #subscription: string;
  readonly #timers = new Map<number, { timer: NodeJS.Timeout; readonly deferred: Deferred[] }>();
  #remembered = 0;

  constructor(service: Service, subscription: string) {
    this.#service = service;
    this.#subscription = subscription;
  }

  defer(deliveries: readonly GooglePubsubDelivery[]): void {
    this.#defer(deliveries.map(({ ackId, waitsUntil }) => ({ ackId, dueAt: waitsUntil })));
  }

  /** Lets all out, for another consumer to defer. */
  async close(): Promise<void> {
    const all = [...this.#timers.values()];
    this.#timers.clear();
    for (const { timer } of all) clearTimeout(timer);
    await this.#letOut(all.flatMap(({ deferred }) => deferred));
  }

  #defer(deferred: readonly Deferred[]): void {
    const now = performance.now();
    const bySeconds = new Map<number, string[]>();
    for (const each of deferred) {
      const ms = Math.min(longestMs, each.dueAt - now + graceMs);
      const seconds = Math.max(1, Math.ceil(ms / 1_000));
      const ids = bySeconds.get(seconds);
      if (ids === undefined) bySeconds.set(seconds, [each.ackId]);
      else ids.push(each.ackId);
      this.#remember(each, Math.min(each.dueAt, now + longestMs - earlyMs));
    }
    for (const [seconds, ids] of bySeconds) {
      // Where this fails the lease ends and the message comes again, to be deferred once more.
      this.#service.modifyAckDeadline(this.#subscription, ids, seconds).catch(() => {});
    }
  }

  #remember(message: Deferred, until: number): void {
    if (this.#remembered >= mostRemembered) return;
    this.#remembered++;
    const at = Math.ceil(until / grainMs) * grainMs;
    const known = this.#timers.get(at);
    if (known !== undefined) known.deferred.push(message);
    else {
      const timer = setTimeout(() => this.#wake(at), Math.max(0, at - performance.now()));
      this.#timers.set(at, { timer, deferred: [message] });
    }
  }

  #wake(at: number): void {
    const { deferred = [] } = this.#timers.get(at) ?? {};
    this.#timers.delete(at);
    this.#remembered -= deferred.length;
    const now = performance.now();
    void this.#letOut(deferred.filter(({ dueAt }) => dueAt <= now));
    this.#defer(deferred.filter(({ dueAt }) => dueAt > now));
  }

  async #letOut(deferred: readonly Deferred[]): Promise<void> {
    if (deferred.length === 0) return;
    const ids = deferred.map(({ ackId }) => ackId);
    await this.#service.modifyAckDeadline(this.#subscription, ids, 0).catch(() => {});
  }
}
