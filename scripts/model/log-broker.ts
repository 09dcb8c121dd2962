import type { BrokerEvents, ModelBroker } from "@waybill/conformance/model";
import {
  type Address,
  type Capabilities,
  type Clock,
  type Driver,
  MessagingError,
  type PublishOutcome,
  type TopologyState,
  type WireMessage,
} from "@waybill/core/spi";
import { LogConnection } from "./log-connection.ts";
import { LogGroup } from "./log-group.ts";

const capabilities: Capabilities = {
  features: {
    delay: { how: "native", maxMs: 3_600_000, lateMs: 0 },
    ttl: { how: "emulated" },
    ordering: { how: "native" },
  },
  settlement: "cumulative",
  retry: { how: "republish" },
  attempts: "lower-bound",
  retention: "groups",
  lease: undefined,
  reportsUnrouted: false,
  publishing: { maxMessages: 100, maxBytes: 1_000_000, inFlight: 2 },
  limits: { messageBytes: 1_000_000 },
};

/** A log with two partitions a group: acks are offsets, and partitions move from member to member. */
export class LogBroker implements ModelBroker {
  readonly hasRequests = false;
  readonly clock: Clock;
  readonly events: BrokerEvents;
  readonly connections = new Set<LogConnection>();
  /** By topic and group; a queue is a group of its own. */
  readonly #groups = new Map<string, LogGroup>();
  #stopped = false;

  constructor(clock: Clock, events: BrokerEvents) {
    this.clock = clock;
    this.events = events;
  }

  driver(): Driver {
    return {
      specVersion: "1",
      name: "log",
      capabilities,
      naming: { rule: "Anything goes.", toBrokerName: (name) => name },
      classify: () => undefined,
      connect: async (hooks) => {
        if (this.#stopped) throw new MessagingError("UNREACHABLE", "The log is stopped.");
        const connection = new LogConnection(this, hooks);
        this.connections.add(connection);
        return connection;
      },
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const connection of [...this.connections])
      connection.break(new MessagingError("CONNECTION_LOST", "The log has stopped."));
  }

  start(): void {
    this.#stopped = false;
  }

  movePartitions(by: number): void {
    for (const group of this.#groups.values()) group.move(by);
  }

  unsettled(name: string, group: string | undefined): number {
    return this.#groups.get(idOf(name, group))?.unsettled ?? 0;
  }

  ensure({ kind, name, group }: Address): void {
    if (kind === "topic") return;
    const id = idOf(name, group);
    if (!this.#groups.has(id)) this.#groups.set(id, new LogGroup(this.clock));
  }

  inspect(address: Address): TopologyState {
    const { kind, name, group } = address;
    const exists = kind === "topic" || this.#groups.has(idOf(name, group));
    return { address, exists, differences: [], backlog: this.unsettled(name, group) };
  }

  group({ name, group }: Address): LogGroup {
    const found = this.#groups.get(idOf(name, group));
    if (found === undefined) throw new MessagingError("NOT_FOUND", `There is no ${idOf(name, group)}.`);
    return found;
  }

  publish(to: Address, batch: readonly WireMessage[], outcomes: readonly PublishOutcome[]): void {
    const groups =
      to.kind === "topic"
        ? [...this.#groups].filter(([id]) => id.startsWith(`${to.name}/`)).map(([, group]) => group)
        : [this.group(to)];
    this.events.published(to, batch, outcomes);
    for (const message of batch) for (const group of groups) this.#append(group, message);
  }

  #append(group: LogGroup, message: WireMessage): void {
    if (message.delayMs <= 0) return group.append(message);
    group.delayed++;
    this.clock.setTimeout(() => {
      group.delayed--;
      group.append(message);
    }, message.delayMs);
  }
}

function idOf(name: string, group: string | undefined): string {
  return `${name}/${group ?? ""}`;
}
