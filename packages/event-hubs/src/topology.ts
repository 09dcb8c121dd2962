import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  type Call,
  delayTierHoldsMs,
  retryTransient,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import { AmqpError, ownConditions } from "./client/amqp-error.ts";
import { ManagementApi } from "./client/management-api.ts";
import { isMissing, isTransient } from "./errors.ts";
import { noStore } from "./groups/checkpoint-store.ts";
import { declareStart } from "./groups/start.ts";
import { defaultGroup, type HubAddress, hubAddressOf, isShared } from "./naming.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";

/** As many as every tier allows: five clients can read each. */
const replyPartitions = 32;
const fromTheBeginning = { from: "earliest" } as const;

/** Hubs, consumer groups, and the checkpoints with which a group begins. */
export class EventHubsTopology implements Topology {
  readonly #context: ConsumerContext;
  readonly #api: ManagementApi;

  constructor(context: ConsumerContext) {
    this.#context = context;
    this.#api = new ManagementApi(context.settings);
  }

  async ensure(items: readonly TopologyItem[], call: Call): Promise<void> {
    for (const item of items) await this.#retryTransient(call, () => this.#ensure(item, call));
  }

  async inspect(addresses: readonly Address[], call: Call): Promise<readonly TopologyState[]> {
    return Promise.all(
      addresses.map((address) => this.#retryTransient(call, () => this.#inspect(address, call))),
    );
  }

  async remove(addresses: readonly Address[], call: Call): Promise<void> {
    for (const address of addresses) await this.#retryTransient(call, () => this.#remove(address, call));
  }

  /** Makes the consumer group by which a shared queue is read: only who reads it needs one. */
  async makeReadable({ hub, consumerGroup }: HubAddress, call: Call): Promise<void> {
    await this.#retryTransient(call, () => this.#group(hub, consumerGroup, call));
  }

  #retryTransient<T>({ signal }: Call, work: () => Promise<T>): Promise<T> {
    const { settings, signal: closed } = this.#context;
    return retryTransient(work, {
      timeoutMs: settings.requestTimeoutMs,
      isTransient,
      signal: AbortSignal.any([signal, closed]),
    });
  }

  async #ensure({ address, start }: TopologyItem, call: Call): Promise<void> {
    const { settings, amqp, store } = this.#context;
    const at = hubAddressOf(address, settings);
    await this.#hub(at.hub, address.kind === "inbox" ? replyPartitions : settings.partitions, call);
    if (address.kind === "inbox" || isShared(address, settings)) return;
    await this.#hub(settings.delayHub, delayTierHoldsMs.length, call);
    if (address.kind === "topic") return;
    if (store === undefined) throw noStore();
    await this.#group(at.hub, at.consumerGroup, call);
    await declareStart(
      amqp,
      store,
      { namespace: settings.namespace, hub: at.hub, consumerGroup: at.consumerGroup },
      address.kind === "queue" ? fromTheBeginning : start,
      settings.requestTimeoutMs,
    );
  }

  /** Makes a hub if it is not there, and waits until it serves. Who may not make hubs may still use what is there. */
  async #hub(hub: string, partitions: number, call: Call): Promise<void> {
    if (await this.#exists(hub)) return;
    await this.#api.createHub(hub, partitions, call.signal);
    await this.#until(hub, "there", call);
  }

  /** Waits until a hub has come or gone: the service takes seconds for both. */
  async #until(hub: string, state: "there" | "gone", { signal }: Call): Promise<void> {
    const deadline = performance.now() + this.#context.settings.requestTimeoutMs;
    while ((await this.#exists(hub)) !== (state === "there")) {
      if (performance.now() >= deadline || signal.aborted) {
        throw new AmqpError(ownConditions.timeout, `The hub "${hub}" is not ${state} yet.`);
      }
      await sleep(50);
    }
  }

  async #group(hub: string, group: string, call: Call): Promise<void> {
    if (group === defaultGroup) return;
    await this.#api.createGroup(hub, group, call.signal);
  }

  /** By AMQP, which asks for no right to manage. */
  async #exists(hub: string): Promise<boolean> {
    try {
      await this.#context.amqp.hub(hub, true);
      return true;
    } catch (cause) {
      if (isMissing(cause)) return false;
      throw cause;
    }
  }

  async #inspect(address: Address, { signal }: Call): Promise<TopologyState> {
    const { settings } = this.#context;
    const at = hubAddressOf(address, settings);
    if (!(await this.#exists(at.hub))) return { address, exists: false, differences: [] };
    if (address.kind === "inbox" || isShared(address, settings)) {
      return { address, exists: true, differences: [] };
    }
    const differences: string[] = [];
    if (!(await this.#exists(settings.delayHub))) {
      differences.push(`The hub "${settings.delayHub}" for delayed messages is missing.`);
    }
    if (address.kind === "topic") return { address, exists: true, differences };
    const isQueue = address.kind === "queue";
    const backlog = await this.#backlog(at, isQueue);
    const exists =
      isQueue || (backlog !== undefined && (await this.#api.hasGroup(at.hub, at.consumerGroup, signal)));
    return { address, exists, differences, ...(exists ? { backlog: backlog ?? 0 } : {}) };
  }

  /** How many messages a group has before it; `undefined` if it has no place in the hub, unless it would begin with the first. */
  async #backlog({ hub, consumerGroup }: HubAddress, fromEarliest: boolean): Promise<number | undefined> {
    const { amqp, store, settings } = this.#context;
    if (store === undefined) throw noStore();
    const checkpoints = await store.listCheckpoints(settings.namespace, hub, consumerGroup);
    if (!fromEarliest && checkpoints.length === 0) return undefined;
    const { partitionIds } = await amqp.hub(hub);
    const waiting = await Promise.all(
      partitionIds.map(async (partition) => {
        const info = await amqp.partition(hub, partition);
        if (info.isEmpty) return 0;
        const done = checkpoints.find(({ partitionId }) => partitionId === partition)?.sequenceNumber ?? -1;
        const before = Math.max(done, info.beginSequenceNumber - 1);
        return before > info.lastSequenceNumber
          ? info.lastSequenceNumber - info.beginSequenceNumber + 1
          : info.lastSequenceNumber - before;
      }),
    );
    return waiting.reduce((sum, count) => sum + count, 0);
  }

  async #remove(address: Address, call: Call): Promise<void> {
    const { signal } = call;
    const { settings, amqp, store } = this.#context;
    const { hub, consumerGroup } = hubAddressOf(address, settings);
    const { namespace } = settings;
    // Replies of all clients share a hub, and one of them leaves nothing behind in it.
    if (address.kind === "inbox") return;
    if (address.kind === "group" || isShared(address, settings)) {
      await this.#api.deleteGroup(hub, consumerGroup, signal);
      await store?.forget?.(namespace, hub, consumerGroup);
      return;
    }
    await this.#api.deleteHub(hub, signal);
    amqp.forgetHub(hub);
    await store?.forget?.(namespace, hub);
    await this.#until(hub, "gone", call);
    amqp.forgetHub(hub);
  }
}
