import type { ChunkCache } from "../log/chunk-cache.ts";
import type { DataFolder } from "../log/data-folder.ts";
import { PartitionLog } from "../log/partition-log.ts";
import { type ConsumerGroup, Hub, type HubDescription } from "./hub.ts";
import { checkHubName, DEFAULT_GROUP, keyOf } from "./names.ts";
import { Partition } from "./partition.ts";
import { CONDITION, entityNotFound, ServiceError } from "./service-error.ts";

/** What may be said of a hub when it is made or changed; what is left out has a default. */
export interface HubSettings {
  readonly partitionCount?: number;
  readonly retentionMs?: number;
}

/** The defaults and limits of a namespace. */
export interface NamespaceLimits {
  readonly partitionCount: number;
  readonly maxPartitionCount: number;
  readonly retentionMs: number;
  /** Bytes that one partition keeps at most. */
  readonly retentionBytes: number;
}

/** A hub was taken away; links to it have to end. */
export type HubRemoved = (hub: Hub, group?: string) => void;

/** All hubs. */
export class Namespace {
  readonly #limits: NamespaceLimits;
  readonly #cache: ChunkCache;
  readonly #folder: DataFolder | undefined;
  readonly #hubs = new Map<string, Hub>();
  /** Told of hubs, and of groups, that are deleted. */
  onRemoved: HubRemoved = () => {};

  constructor(limits: NamespaceLimits, cache: ChunkCache, folder: DataFolder | undefined) {
    this.#limits = limits;
    this.#cache = cache;
    this.#folder = folder;
    for (const { description, groups } of folder?.load() ?? []) this.#open(description, groups);
  }

  get hubs(): Hub[] {
    return [...this.#hubs.values()];
  }

  hub(name: string): Hub | undefined {
    return this.#hubs.get(keyOf(name));
  }

  requireHub(name: string): Hub {
    const hub = this.hub(name);
    if (hub === undefined) throw entityNotFound(name);
    return hub;
  }

  createHub(name: string, settings: HubSettings = {}): Hub {
    checkHubName(name);
    if (this.hub(name) !== undefined) {
      throw new ServiceError(CONDITION.exists, `The messaging entity '${name}' already exists.`);
    }
    const partitionCount = settings.partitionCount ?? this.#limits.partitionCount;
    if (
      !Number.isInteger(partitionCount) ||
      partitionCount < 1 ||
      partitionCount > this.#limits.maxPartitionCount
    ) {
      throw new ServiceError(
        CONDITION.argumentRange,
        `PartitionCount must be between 1 and ${this.#limits.maxPartitionCount}.`,
      );
    }
    const now = Date.now();
    const retentionMs = settings.retentionMs ?? this.#limits.retentionMs;
    const hub = this.#open({ name, createdAt: now, updatedAt: now, partitionCount, retentionMs }, []);
    this.#folder?.save(hub);
    return hub;
  }

  updateHub(hub: Hub, settings: HubSettings): void {
    if (settings.partitionCount !== undefined && settings.partitionCount !== hub.description.partitionCount) {
      throw new ServiceError(
        CONDITION.argument,
        "The number of partitions of an event hub cannot be changed.",
      );
    }
    hub.description.retentionMs = settings.retentionMs ?? hub.description.retentionMs;
    hub.description.updatedAt = Date.now();
    this.#folder?.save(hub);
  }

  deleteHub(name: string): void {
    const hub = this.requireHub(name);
    this.#hubs.delete(keyOf(name));
    this.onRemoved(hub);
    for (const { log } of hub.partitions) log.close();
    this.#folder?.remove(hub);
  }

  createGroup(hub: Hub, name: string, userMetadata = ""): ConsumerGroup {
    if (hub.group(name) !== undefined) {
      throw new ServiceError(
        CONDITION.exists,
        `The messaging entity '${hub.name}/ConsumerGroups/${name}' already exists.`,
      );
    }
    const group = hub.addGroup(name, userMetadata);
    this.#folder?.save(hub);
    return group;
  }

  updateGroup(hub: Hub, name: string, userMetadata: string): ConsumerGroup {
    const group = hub.requireGroup(name);
    group.userMetadata = userMetadata;
    this.#folder?.save(hub);
    return group;
  }

  deleteGroup(hub: Hub, name: string): void {
    hub.requireGroup(name);
    if (keyOf(name) === keyOf(DEFAULT_GROUP)) {
      throw new ServiceError(CONDITION.argument, `The consumer group '${DEFAULT_GROUP}' cannot be deleted.`);
    }
    hub.removeGroup(name);
    this.onRemoved(hub, name);
    this.#folder?.save(hub);
  }

  /** Lets go of what no longer has to be kept. */
  retain(now: number): void {
    for (const hub of this.#hubs.values()) hub.retain(now, this.#limits.retentionBytes);
  }

  close(): void {
    for (const hub of this.#hubs.values()) for (const { log } of hub.partitions) log.close();
  }

  #open(description: HubDescription, groups: readonly ConsumerGroup[]): Hub {
    const partitions = Array.from({ length: description.partitionCount }, (_, index) => {
      const id = String(index);
      return new Partition(id, new PartitionLog(this.#cache, this.#folder?.segments(description.name, id)));
    });
    const hub = new Hub(description, partitions, groups);
    this.#hubs.set(keyOf(description.name), hub);
    return hub;
  }
}
