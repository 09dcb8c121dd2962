import type { PubsubDelivery } from "./delivery.ts";
import type { Service } from "./service.ts";

/** The longest an ack deadline can be moved, in milliseconds. */
const longestMs = 600_000;
/** For how much longer than it needs a message is hidden, so that this consumer is the one that lets it out. */
const graceMs = 2_000;
/** How much earlier than its end a hiding is renewed, in milliseconds. */
const earlyMs = 30_000;
/** Due times are grouped by so many milliseconds, for one call each. */
const grainMs = 20;
/** Beyond so many, the end of the ack deadline alone lets messages out. */
const mostRemembered = 50_000;

interface Hidden {
  readonly ackId: string;
  readonly dueAt: number;
}

/**
 * Keeps what is not due away from everybody, by its ack deadline. Only ids are
 * remembered here, to let messages out to the moment; a consumer that dies leaves
 * them to the deadline, which ends soon after they are due.
 */
export class Hiding {
  readonly #service: Service;
  readonly #subscription: string;
  readonly #timers = new Map<number, { timer: NodeJS.Timeout; readonly hidden: Hidden[] }>();
  #remembered = 0;

  constructor(service: Service, subscription: string) {
    this.#service = service;
    this.#subscription = subscription;
  }

  hide(deliveries: readonly PubsubDelivery[]): void {
    this.#hide(deliveries.map(({ ackId, dueAt }) => ({ ackId, dueAt })));
  }

  /** Lets all out, for another consumer to hide. */
  async close(): Promise<void> {
    const all = [...this.#timers.values()];
    this.#timers.clear();
    for (const { timer } of all) clearTimeout(timer);
    await this.#letOut(all.flatMap(({ hidden }) => hidden));
  }

  #hide(hidden: readonly Hidden[]): void {
    const now = Date.now();
    const bySeconds = new Map<number, string[]>();
    for (const each of hidden) {
      const ms = Math.min(longestMs, each.dueAt - now + graceMs);
      const seconds = Math.max(1, Math.ceil(ms / 1_000));
      const ids = bySeconds.get(seconds);
      if (ids === undefined) bySeconds.set(seconds, [each.ackId]);
      else ids.push(each.ackId);
      this.#remember(each, Math.min(each.dueAt, now + longestMs - earlyMs));
    }
    for (const [seconds, ids] of bySeconds) {
      // Where this fails the lease ends and the message comes again, to be hidden once more.
      this.#service.modifyAckDeadline(this.#subscription, ids, seconds).catch(() => {});
    }
  }

  #remember(hidden: Hidden, until: number): void {
    if (this.#remembered >= mostRemembered) return;
    this.#remembered++;
    const at = Math.ceil(until / grainMs) * grainMs;
    const known = this.#timers.get(at);
    if (known !== undefined) known.hidden.push(hidden);
    else {
      const timer = setTimeout(() => this.#wake(at), Math.max(0, at - Date.now()));
      this.#timers.set(at, { timer, hidden: [hidden] });
    }
  }

  #wake(at: number): void {
    const { hidden = [] } = this.#timers.get(at) ?? {};
    this.#timers.delete(at);
    this.#remembered -= hidden.length;
    const now = Date.now();
    void this.#letOut(hidden.filter(({ dueAt }) => dueAt <= now));
    this.#hide(hidden.filter(({ dueAt }) => dueAt > now));
  }

  async #letOut(hidden: readonly Hidden[]): Promise<void> {
    if (hidden.length === 0) return;
    const ids = hidden.map(({ ackId }) => ackId);
    await this.#service.modifyAckDeadline(this.#subscription, ids, 0).catch(() => {});
  }
}
