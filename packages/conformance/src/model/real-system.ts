import { deadLetterOf, MessagingError, type PublishOptions } from "@waybill/core";
import { deadLetterHeaders, type Headers, type WireMessage } from "@waybill/core/spi";
import { Contracts, consumerOf, groups, type Numbered, type NumberedContract } from "./contracts.ts";
import type { Member } from "./member.ts";
import { Model, place, type Receiver, type Sent } from "./model.ts";
import type { BrokerEvents, ModelBroker, Variant } from "./model-broker.ts";
import { ModelClient } from "./model-client.ts";
import { ModelClock, ModelTime } from "./model-time.ts";
import type { Command, DestinationName, ProgramSettings } from "./program.ts";

/** The header that carries the number of a message through everything that is made of it. */
const numberHeader = "n";
const attemptHeader = "waybill-attempt";

/** How long a driver may keep core waiting when it is told to end, in milliseconds. */
const driverGraceMs = 5_000;
/** The same for all steps of closing. */
const closeGraceMs = 8 * driverGraceMs;
/** How long everything may take once all is well again, in milliseconds. */
const healingMs = 30 * 60_000;

/** A broker with its clients, on which programs run; the model hears all of it. */
export class RealSystem {
  readonly time = new ModelTime();
  readonly model: Model;
  readonly #settings: ProgramSettings;
  readonly #log: (what: string) => void;
  readonly #clock: ModelClock;
  readonly #brokerClock: ModelClock;
  readonly #contracts: Contracts;
  readonly #broker: ModelBroker;
  readonly #healed = new AbortController();
  /** By place: the client that runs there now. */
  readonly #clients: ModelClient[] = [];
  readonly #ended: ModelClient[] = [];
  /** What was begun and must come to an end: what it is, and by when. */
  readonly #underWay = new Map<Promise<unknown>, { readonly what: string; readonly by: number }>();
  readonly #tokens = new Set<string>();
  #lives = 0;
  #copiesAreMade: boolean;
  readonly #countsAttempts: boolean;

  constructor(variant: Variant, settings: ProgramSettings, log: (what: string) => void) {
    this.#settings = settings;
    this.#log = (what) => log(`${this.time.elapsed} ms: ${what}`);
    this.#clock = new ModelClock(this.time);
    this.#brokerClock = new ModelClock(this.time);
    this.#contracts = new Contracts(settings, this.#clock);
    this.model = new Model(settings, () => this.time.elapsed, variant.countsAttempts);
    this.#broker = variant.open(this.#brokerClock, this.#events);
    this.#copiesAreMade = !variant.countsAttempts;
    this.#countsAttempts = variant.countsAttempts;
  }

  async begin(): Promise<void> {
    for (let place = 0; place < this.#settings.clients; place++) await this.#newClient(place);
    const { client } = this.#clients[0] as ModelClient;
    for (let index = 0; index < this.#settings.destinations.length; index++) {
      const contract = this.#contracts.at(index, this.#settings);
      if (contract.kind === "topic") {
        for (const group of groups) {
          await client?.topology.declare({ topic: contract, group });
          this.model.receiver(contract.name, group);
        }
      } else {
        await client?.topology.declare(contract);
        this.model.receiver(contract.name, undefined);
      }
    }
    if (this.#settings.maxLeaseMs !== undefined) this.#neverCalm(true);
  }

  async run(command: Command): Promise<void> {
    this.#log(`${JSON.stringify(command)}`);
    this.#do(command);
    if (command.do === "pass") await this.time.pass(command.ms);
    else if (this.#settings.unhurried) await this.time.settle();
  }

  #do(command: Command): void {
    switch (command.do) {
      case "publish":
        return this.#publish(command);
      case "subscribe": {
        const { concurrency } = command;
        const receiver = this.#receiver(command.to, command.group);
        const prefetch = command.prefetch === undefined ? undefined : Math.max(concurrency, command.prefetch);
        // A member that joins takes partitions from others.
        if (!this.#countsAttempts) this.model.disturbed(receiver);
        return this.#begun(
          "a subscription begins",
          75_000,
          this.#client(command.client).join(receiver, { concurrency, prefetch }),
        );
      }
      case "unsubscribe":
        return this.#onMember(command.subscription, ({ client, member }) => {
          member.isClosing = true;
          this.#closes([member], command.timeoutMs);
          const closed = member.subscription?.close({ timeoutMs: command.timeoutMs }).then(() => {
            client.members.splice(client.members.indexOf(member), 1);
          });
          this.#begun("a subscription closes", command.timeoutMs + closeGraceMs, closed ?? Promise.resolve());
        });
      case "pause":
      case "resume":
        return this.#onMember(command.subscription, ({ member }) => {
          member.isPaused = command.do === "pause";
          member.subscription?.[command.do]();
        });
      case "setConcurrency":
        return this.#onMember(command.subscription, ({ member }) => {
          // What runs already may go on.
          member.concurrency = Math.max(command.concurrency, member.running);
          member.subscription?.setConcurrency(command.concurrency);
        });
      case "redeploy":
        return this.#redeploy(command.client, command.timeoutMs);
      case "crash":
        return this.#crash(command.client);
      case "cut": {
        const client = this.#client(command.client);
        this.#disturb(client);
        return client.disturbance.cut();
      }
      case "outage": {
        for (const client of this.#clients) this.#disturb(client);
        this.#broker.stop();
        this.#clock.setTimeout(() => this.#broker.start(), command.ms);
        return;
      }
      case "stallLeases": {
        const { disturbance } = this.#client(command.client);
        this.#neverCalm(true);
        disturbance.leasesStall = true;
        this.#clock.setTimeout(() => {
          disturbance.leasesStall = false;
        }, command.ms);
        return;
      }
      case "movePartitions":
        for (const client of this.#clients) this.#disturb(client);
        return this.#broker.movePartitions(command.by);
      case "fault":
        this.#neverCalm(command.fault.call === "extend");
        if (command.fault.call === "publish" && command.fault.how !== "refused") this.#copiesAreMade = true;
        return this.#client(command.client).disturbance.add(command.fault);
      case "latency":
        this.#client(command.client).disturbance.latencyMs = command.ms;
        return;
      case "jump":
        return this.#client(command.client).clock.jump(command.ms);
      case "redrive":
        return this.#redrive(command.client, command.to, command.group);
      case "pass":
        return;
    }
  }

  // ── Publishing ──────────────────────────────────────────────────────────────

  #publish(command: Command & { readonly do: "publish" }): void {
    const contract = this.#contracts.at(command.to, this.#settings);
    const client = this.#client(command.client);
    const { count, ttlMs, outcomes } = command;
    const delayMs = contract.ordered ? 0 : command.delayMs;
    const key = contract.ordered && command.key !== undefined ? `k${command.key}` : undefined;
    for (let i = 0; i < count; i++) {
      if (client.client === undefined || client.isClosing) return;
      const sent = this.model.publishes({
        to: contract.name,
        ordered: contract.ordered,
        key,
        publisher: client.number,
        delayMs,
        expires: ttlMs !== undefined,
        outcomes: i === 0 ? outcomes : [],
      });
      const options: PublishOptions<"delay" | "ttl"> = {
        headers: { [numberHeader]: String(sent.number) },
        ...(delayMs === 0 ? {} : { delayMs }),
        ...(ttlMs === undefined ? {} : { ttlMs }),
      };
      this.#begun(
        `the publish of #${sent.number}`,
        60_000,
        this.#publishOne(client, contract, sent, options),
      );
    }
  }

  async #publishOne(
    { client, number, ...rest }: ModelClient,
    contract: NumberedContract,
    sent: Sent,
    options: PublishOptions<"delay" | "ttl">,
  ): Promise<void> {
    void rest;
    const value: Numbered = { n: sent.number, k: sent.key };
    try {
      if (contract.kind === "topic") await client?.publish(contract, value, options);
      else await client?.send(contract, value, options);
      this.model.confirmed(sent);
    } catch (error) {
      sent.outcome = "failed";
      this.#log(`client ${number} could not publish #${sent.number}: ${String(error)}`);
      if (!MessagingError.isInstance(error))
        this.model.violated("errors", `publish rejected with ${String(error)}`);
    }
  }

  // ── What befalls clients ────────────────────────────────────────────────────

  #redeploy(at: number, timeoutMs: number): void {
    const client = this.#client(at);
    if (client.isClosing || client.client === undefined) return;
    client.isClosing = true;
    for (const member of client.members) member.isClosing = true;
    this.#closes(client.members, timeoutMs);
    const closed = client.client.close({ timeoutMs }).then(() => {
      // A process that has closed its client ends.
      client.isAlive = false;
      return this.#replace(client);
    });
    this.#begun("a client closes, and another begins", 2 * timeoutMs + closeGraceMs + healingMs, closed);
  }

  #crash(at: number): void {
    const client = this.#client(at);
    if (!client.isAlive || client.client === undefined) return;
    this.#disturb(client);
    this.#begun("a client that crashed ends", closeGraceMs, client.die());
    this.#begun("another begins", healingMs, this.#replace(client));
  }

  /** Another client takes its place, with the same subscriptions. */
  async #replace(client: ModelClient): Promise<void> {
    const place = this.#clients.indexOf(client);
    if (place === -1) return;
    this.#ended.push(client);
    const next = await this.#newClient(place);
    const members = client.members.splice(0);
    await Promise.all(
      members.map(({ receiver, concurrency, prefetch }) => next.join(receiver, { concurrency, prefetch })),
    );
  }

  async #newClient(place: number): Promise<ModelClient> {
    const client = new ModelClient(this.#lives++, new ModelClock(this.time), {
      model: this.model,
      settings: this.#settings,
      clock: this.#clock,
      healed: this.#healed.signal,
      copiesAreMade: () => this.#copiesAreMade,
      log: this.#log,
      contracts: this.#contracts,
      broker: this.#broker,
    });
    this.#clients[place] = client;
    await client.open();
    return client;
  }

  #redrive(at: number, to: number, group: number): void {
    const { client, isClosing } = this.#client(at);
    const receiver = this.#receiver(to, group);
    const contract = this.#contracts.at(to, this.#settings);
    if (client === undefined || isClosing) return;
    const run = client.redrive(consumerOf(contract, receiver.group)).then(
      ({ seen, redriven, complete }) =>
        this.#log(`redrive of ${place(receiver)}: ${redriven} of ${seen}, ${complete ? "" : "not "}complete`),
      (error) => {
        this.#log(`redrive of ${place(receiver)} failed: ${String(error)}`);
        if (!MessagingError.isInstance(error))
          this.model.violated("errors", `redrive rejected with ${String(error)}`);
      },
    );
    this.#begun("a redrive", healingMs, run);
  }

  /** What a closing consumer has prefetched may cost its lease, where the close takes longer than that. */
  #closes(members: readonly Member[], timeoutMs: number): void {
    // Where nobody counts, what was being handled is handled once more as if it had not been.
    if (!this.#countsAttempts) for (const { receiver } of members) this.model.disturbed(receiver);
    if (timeoutMs < this.#settings.leaseMs) return;
    for (const { receiver } of members) {
      receiver.calmSince = Number.POSITIVE_INFINITY;
      receiver.wasDeceived = true;
      receiver.losesLeases = true;
    }
  }

  #disturb(client: ModelClient): void {
    for (const { receiver } of client.members) this.model.disturbed(receiver);
  }

  #neverCalm(losesLeases: boolean): void {
    for (const receiver of this.model.receivers) {
      receiver.losesLeases ||= losesLeases;
      receiver.calmSince = Number.POSITIVE_INFINITY;
      receiver.wasDeceived = true;
    }
  }

  // ── What the broker tells ───────────────────────────────────────────────────

  readonly #events: BrokerEvents = {
    published: (to, batch, outcomes) => {
      batch.forEach((message, index) => {
        if (outcomes[index]?.ok === true && to.kind !== "inbox") this.#stored(to.name, to.group, message);
      });
    },
    settled: (from, { delivery, outcome }) => {
      const receiver = this.model.receivers.find(
        (each) => each.to === from.name && each.group === from.group,
      );
      if (receiver !== undefined && outcome === "ack") this.model.acked(receiver, numberIn(delivery.headers));
    },
  };

  #stored(to: string, group: string | undefined, { headers, publishToken }: WireMessage): void {
    const number = numberIn(headers);
    const source = headers[deadLetterHeaders.source];
    const isAgain = this.#tokens.has(publishToken);
    this.#tokens.add(publishToken);
    const receiver = this.model.receivers.find((each) => each.to === to && each.group === group);
    if (source !== undefined && receiver === undefined) {
      if (isAgain) return;
      const failedAt = this.model.receiver(source, headers[deadLetterHeaders.group]);
      const reception = this.model.reception(failedAt, number);
      // Redrives put back what they pass over.
      if (
        headers[deadLetterHeaders.redriveRun] !== undefined &&
        reception.deadLettered > reception.redriven
      ) {
        reception.mayBeAcked++;
        return;
      }
      const attempts = Number(headers[deadLetterHeaders.attempts]);
      const why = `${headers[deadLetterHeaders.errorCode]}: ${headers[deadLetterHeaders.errorMessage]}`;
      this.#log(`${place(failedAt)} dead-letters #${number} at attempt ${attempts}, ${why}`);
      return this.model.deadLettered(failedAt, number, attempts, why);
    }
    const sent = this.model.sent[number];
    if (sent === undefined)
      return this.model.violated("G13", `the broker got ${number}, which nobody published`);
    if (isAgain) return;
    if (headers[attemptHeader] !== undefined && receiver !== undefined) {
      this.model.reception(receiver, number).mayBeAcked++;
    } else if (sent.stored && receiver !== undefined) {
      this.#log(`${place(receiver)} has #${number} redriven`);
      this.model.redriven(receiver, number);
    } else sent.stored = true;
  }

  // ── At the end ──────────────────────────────────────────────────────────────

  /** All is well from here on: everything must come to its end in bounded time, and leave nothing behind. */
  async end(): Promise<void> {
    this.#broker.start();
    this.#healed.abort();
    for (const client of [...this.#clients, ...this.#ended]) client.disturbance.heal();
    for (const { member } of this.#members()) {
      member.isPaused = false;
      member.subscription?.resume();
    }
    await this.time.pass(healingMs, () => this.#unended().length === 0);
    for (const what of this.#unended()) this.model.violated("G10", `${what}, and does not end`);
    for (const { member } of this.#members()) {
      member.isPaused = false;
      member.subscription?.resume();
    }
    for (const receiver of this.model.receivers) {
      const isServed = this.#members().some(
        ({ member }) => member.receiver === receiver && !member.isClosing,
      );
      if (isServed) continue;
      const joined = this.#client(0).join(receiver, { concurrency: 5, prefetch: undefined });
      this.#begun(`the last subscription to ${place(receiver)} begins`, healingMs, joined);
    }
    await this.time.pass(healingMs, () => this.#unended().length === 0);
    for (const what of this.#unended()) this.model.violated("G10", `${what}, and does not end`);
    const isDone = () => this.model.unfinished().length === 0 && this.#unsettled().length === 0;
    if (!(await this.time.pass(healingMs, isDone)))
      this.model.violated("G2", [...this.model.unfinished(), ...this.#unsettled()].join("; "));
    this.#checkDeadLettered();
    await this.#closeAll();
  }

  /** What was given up and not brought back is still there. */
  #checkDeadLettered(): void {
    for (const receiver of this.model.receivers) {
      const contract = this.#contracts.named(receiver.to as DestinationName);
      const there = this.#broker.unsettled(
        deadLetterOf(consumerOf(contract, receiver.group)).name,
        undefined,
      );
      const left = [...receiver.receptions.values()].filter(
        (each) => each.deadLettered > each.redriven,
      ).length;
      if (there < left)
        this.model.violated(
          "G5",
          `of ${left} dead-lettered messages of ${place(receiver)} ${there} are there`,
        );
    }
  }

  async #closeAll(): Promise<void> {
    const closed = Promise.all(this.#clients.map(async ({ client }) => client?.close()));
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    if (!(await this.time.pass(this.#settings.drainTimeoutMs + closeGraceMs, () => isClosed)))
      return this.model.violated("G9", "a client does not close");
    const all = [...this.#clients, ...this.#ended];
    // A driver that is slow to connect or to close has its grace.
    await this.time.pass(driverGraceMs, () => all.every(({ clock }) => this.time.timers(clock) === 0));
    for (const { clock, number } of all) {
      const timers = this.time.timers(clock);
      if (timers > 0) this.model.violated("G9", `client ${number} left ${timers} timers behind`);
    }
  }

  /** A log's offset that was not taken goes with the next. */
  #unsettled(): string[] {
    if (!this.#countsAttempts) return [];
    return this.model.receivers
      .map((receiver) => ({ receiver, left: this.#broker.unsettled(receiver.to, receiver.group) }))
      .filter(({ left }) => left > 0)
      .map(({ receiver, left }) => `the broker still has ${left} of ${place(receiver)}`);
  }

  #begun(what: string, forMs: number, work: Promise<unknown>): void {
    this.#underWay.set(work, { what, by: this.time.elapsed + forMs });
    const end = () => {
      const { by } = this.#underWay.get(work) ?? { by: 0 };
      this.#underWay.delete(work);
      if (this.time.elapsed > by)
        this.model.violated("G9", `${what} took ${this.time.elapsed - by} ms longer than it may`);
    };
    work.then(end, (error) => {
      end();
      this.model.violated("errors", `${what}, and fails: ${String(error)}`);
    });
  }

  #unended(): string[] {
    return [...this.#underWay.values()].map(({ what }) => what);
  }

  #client(at: number): ModelClient {
    return this.#clients[at % this.#clients.length] as ModelClient;
  }

  #receiver(to: number, group: number): Receiver {
    const contract = this.#contracts.at(to, this.#settings);
    return this.model.receiver(
      contract.name,
      contract.kind === "topic" ? groups[group % groups.length] : undefined,
    );
  }

  #members(): { readonly client: ModelClient; readonly member: Member }[] {
    return this.#clients.flatMap((client) => client.members.map((member) => ({ client, member })));
  }

  #onMember(
    at: number,
    act: (found: { readonly client: ModelClient; readonly member: Member }) => void,
  ): void {
    const members = this.#members().filter(
      ({ client, member }) => !client.isClosing && !member.isClosing && member.subscription !== undefined,
    );
    const found = members[at % members.length];
    if (found !== undefined) act(found);
  }
}

function numberIn(headers: Headers): number {
  return Number(headers[numberHeader] ?? "-1");
}
