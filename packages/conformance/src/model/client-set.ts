import { closeGraceMs, healingMs } from "./limits.ts";
import type { Member } from "./member.ts";
import { ModelClient } from "./model-client.ts";
import { ModelClock } from "./model-time.ts";
import type { SystemParts } from "./system-parts.ts";

interface MemberOfClient {
  readonly client: ModelClient;
  readonly member: Member;
}

/** The clients of a program, each in its place: when one ends, another takes the place. */
export class ClientSet {
  readonly #parts: SystemParts;
  readonly #copiesAreMade: () => boolean;
  readonly current: ModelClient[] = [];
  readonly #ended: ModelClient[] = [];
  #lives = 0;

  constructor(parts: SystemParts, copiesAreMade: () => boolean) {
    this.#parts = parts;
    this.#copiesAreMade = copiesAreMade;
  }

  get all(): readonly ModelClient[] {
    return [...this.current, ...this.#ended];
  }

  /** By number, modulo how many there are. */
  at(number: number): ModelClient {
    return this.current[number % this.current.length] as ModelClient;
  }

  get members(): readonly MemberOfClient[] {
    return this.current.flatMap((client) => client.members.map((member) => ({ client, member })));
  }

  /** Does something to a subscription that is at work, by number, if there is one. */
  onMember(at: number, act: (found: MemberOfClient) => void): void {
    const members = this.members.filter(
      ({ client, member }) => !client.isClosing && !member.isClosing && member.subscription !== undefined,
    );
    const found = members[at % members.length];
    if (found !== undefined) act(found);
  }

  /** Closes it, and begins another. */
  redeploy(at: number, timeoutMs: number): void {
    const client = this.at(at);
    if (client.isClosing || client.client === undefined) return;
    client.isClosing = true;
    for (const member of client.members) member.isClosing = true;
    this.closes(client.members);
    const closed = client.client.close({ timeoutMs }).then(() => {
      // A process that has closed its client ends.
      client.isAlive = false;
      return this.#replace(client);
    });
    this.#parts.deadlines.begun(
      "a client closes, and another begins",
      2 * timeoutMs + closeGraceMs + healingMs,
      closed,
    );
  }

  /** It ends without a word. */
  crash(at: number): void {
    const client = this.at(at);
    if (!client.isAlive || client.client === undefined) return;
    this.disturb(client);
    this.#parts.deadlines.begun("a client that crashed ends", closeGraceMs, client.die());
    this.#parts.deadlines.begun("another begins", healingMs, this.#replace(client));
  }

  /** Another client takes its place, with the same subscriptions. */
  async #replace(client: ModelClient): Promise<void> {
    const place = this.current.indexOf(client);
    if (place === -1) return;
    this.#ended.push(client);
    const next = await this.open(place);
    const members = client.members.splice(0);
    await Promise.all(
      members.map(({ receiver, concurrency, prefetch }) => next.join(receiver, { concurrency, prefetch })),
    );
  }

  /** Begins a client in this place. */
  async open(place: number): Promise<ModelClient> {
    const { time, healed } = this.#parts;
    const client = new ModelClient(this.#lives++, new ModelClock(time), {
      ...this.#parts,
      healed: healed.signal,
      copiesAreMade: this.#copiesAreMade,
    });
    this.current[place] = client;
    await client.open();
    return client;
  }

  /** Where nobody counts, what was being handled is handled once more as if it had not been. */
  closes(members: readonly Member[]): void {
    if (!this.#parts.countsAttempts)
      for (const { receiver } of members) this.#parts.model.disturbed(receiver);
  }

  /** What its consumers hold may come again. */
  disturb(client: ModelClient): void {
    for (const { receiver } of client.members) this.#parts.model.disturbed(receiver);
  }
}
