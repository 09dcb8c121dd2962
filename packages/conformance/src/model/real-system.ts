import { MessagingError } from "@waybill/core";
import { request, respond } from "./ask.ts";
import { BrokerListener } from "./broker-listener.ts";
import { ClientSet } from "./client-set.ts";
import { Contracts, consumerOf, groups } from "./contracts.ts";
import { Deadlines } from "./deadlines.ts";
import { endProgram } from "./end-program.ts";
import { closeGraceMs, healingMs } from "./limits.ts";
import { Model } from "./model.ts";
import type { Variant } from "./model-broker.ts";
import { ModelClock, ModelTime } from "./model-time.ts";
import type { Command, ProgramSettings } from "./program.ts";
import { publish } from "./publish.ts";
import { place, type Receiver } from "./receiver.ts";
import type { SystemParts } from "./system-parts.ts";

/** A broker with its clients, on which programs run; the model hears all of it. */
export class RealSystem {
  readonly #parts: SystemParts;
  readonly #clients: ClientSet;
  #copiesAreMade: boolean;
  #requests = 0;

  constructor(variant: Variant, settings: ProgramSettings, keep: (what: string) => void) {
    const time = new ModelTime();
    const log = (what: string) => keep(`${time.elapsed} ms: ${what}`);
    const clock = new ModelClock(time);
    const model = new Model(settings, () => time.elapsed, variant);
    this.#parts = {
      time,
      clock,
      model,
      settings,
      contracts: new Contracts(settings, clock),
      broker: variant.open(new ModelClock(time), new BrokerListener(model, log)),
      deadlines: new Deadlines(model, time),
      healed: new AbortController(),
      countsAttempts: variant.countsAttempts,
      log,
    };
    this.#copiesAreMade = variant.retries === "republished";
    this.#clients = new ClientSet(this.#parts, () => this.#copiesAreMade);
  }

  get model(): Model {
    return this.#parts.model;
  }

  get time(): ModelTime {
    return this.#parts.time;
  }

  async begin(): Promise<void> {
    for (let place = 0; place < this.#parts.settings.clients; place++) await this.#clients.open(place);
    const { client } = this.#clients.at(0);
    for (let index = 0; index < this.#parts.settings.destinations.length; index++) {
      const contract = this.#parts.contracts.at(index, this.#parts.settings);
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
    for (let place = 0; place < this.#parts.settings.members; place++)
      for (const receiver of this.model.receivers)
        await this.#clients.at(place).join(receiver, { concurrency: 2, prefetch: undefined });
    if (this.#parts.settings.maxLeaseMs !== undefined) this.#neverCalm(false);
  }

  async run(command: Command): Promise<void> {
    this.#parts.log(`${JSON.stringify(command)}`);
    this.#do(command);
    if (command.do === "pass") await this.time.pass(command.ms);
    else if (this.#parts.settings.unhurried) await this.time.settle();
  }

  #do(command: Command): void {
    switch (command.do) {
      case "publish":
        return publish(this.#parts, this.#clients.at(command.client), command);
      case "subscribe": {
        const { concurrency } = command;
        const receiver = this.#receiver(command.to, command.group);
        const prefetch = command.prefetch === undefined ? undefined : Math.max(concurrency, command.prefetch);
        // A member that joins takes partitions from others.
        if (!this.#parts.countsAttempts) this.model.disturbed(receiver);
        return this.#parts.deadlines.begun(
          "a subscription begins",
          75_000,
          this.#clients.at(command.client).join(receiver, { concurrency, prefetch }),
        );
      }
      case "unsubscribe":
        return this.#clients.onMember(command.subscription, ({ client, member }) => {
          member.isClosing = true;
          this.#clients.closes([member]);
          const closed = member.subscription?.close({ timeoutMs: command.timeoutMs }).then(() => {
            client.members.splice(client.members.indexOf(member), 1);
          });
          this.#parts.deadlines.begun(
            "a subscription closes",
            command.timeoutMs + closeGraceMs,
            closed ?? Promise.resolve(),
          );
        });
      case "pause":
      case "resume":
        return this.#clients.onMember(command.subscription, ({ member }) => {
          member.isPaused = command.do === "pause";
          member.subscription?.[command.do]();
        });
      case "setConcurrency":
        return this.#clients.onMember(command.subscription, ({ member }) => {
          const concurrency = Math.min(command.concurrency, member.prefetch ?? Number.POSITIVE_INFINITY);
          // What runs already may go on, also where its middleware has not called its handler yet.
          member.concurrency = Math.max(concurrency, member.subscription?.running ?? 0);
          member.subscription?.setConcurrency(concurrency);
        });
      case "redeploy":
        return this.#clients.redeploy(command.client, command.timeoutMs);
      case "crash":
        return this.#clients.crash(command.client);
      case "cut": {
        const client = this.#clients.at(command.client);
        this.#clients.disturb(client);
        return client.disturbance.cut();
      }
      case "outage": {
        for (const client of this.#clients.current) this.#clients.disturb(client);
        this.#parts.broker.stop();
        this.#parts.clock.setTimeout(() => this.#parts.broker.start(), command.ms);
        return;
      }
      case "stallLeases": {
        const { disturbance } = this.#clients.at(command.client);
        this.#neverCalm(true);
        disturbance.leasesStall = true;
        this.#parts.clock.setTimeout(() => {
          disturbance.leasesStall = false;
        }, command.ms);
        return;
      }
      case "movePartitions":
        for (const client of this.#clients.current) this.#clients.disturb(client);
        return this.#parts.broker.movePartitions(command.by);
      case "fault":
        this.#neverCalm(command.fault.call === "extend");
        if (command.fault.call === "publish" && command.fault.how !== "refused") this.#copiesAreMade = true;
        return this.#clients.at(command.client).disturbance.add(command.fault);
      case "latency":
        this.#clients.at(command.client).disturbance.latencyMs = command.ms;
        return;
      case "jump":
        return this.#clients.at(command.client).clock.jump(command.ms);
      case "redrive":
        return this.#redrive(command.client, command.to, command.group);
      case "respond":
        if (this.#parts.broker.hasRequests) respond(this.#parts, this.#clients.at(command.client));
        return;
      case "request":
        if (this.#parts.broker.hasRequests)
          request(this.#parts, this.#clients.at(command.client), command, this.#requests++);
        return;
      case "pass":
        return;
    }
  }

  #redrive(at: number, to: number, group: number): void {
    const { client, isClosing } = this.#clients.at(at);
    const receiver = this.#receiver(to, group);
    const contract = this.#parts.contracts.at(to, this.#parts.settings);
    if (client === undefined || isClosing) return;
    const run = client.redrive(consumerOf(contract, receiver.group)).then(
      ({ seen, redriven, complete }) =>
        this.#parts.log(
          `redrive of ${place(receiver)}: ${redriven} of ${seen}, ${complete ? "" : "not "}complete`,
        ),
      (error) => {
        this.#parts.log(`redrive of ${place(receiver)} failed: ${String(error)}`);
        if (!MessagingError.isInstance(error))
          this.model.violated("errors", `redrive rejected with ${String(error)}`);
      },
    );
    this.#parts.deadlines.begun("a redrive", healingMs, run);
  }

  #neverCalm(losesLeases: boolean): void {
    for (const receiver of this.model.receivers) {
      receiver.losesLeases ||= losesLeases;
      receiver.calmSince = Number.POSITIVE_INFINITY;
      receiver.wasDeceived = true;
    }
  }

  /** All is well from here on: everything must come to its end in bounded time, and leave nothing behind. */
  end(): Promise<void> {
    return endProgram(this.#parts, this.#clients);
  }

  #receiver(to: number, group: number): Receiver {
    const contract = this.#parts.contracts.at(to, this.#parts.settings);
    return this.model.receiver(
      contract.name,
      contract.kind === "topic" ? groups[group % groups.length] : undefined,
    );
  }
}
