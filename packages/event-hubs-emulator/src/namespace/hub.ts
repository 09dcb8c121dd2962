import { checkGroupName, DEFAULT_GROUP, keyOf } from "./names.ts";
import type { Partition } from "./partition.ts";
import { partitionOfKey } from "./partition-key.ts";
import { CONDITION, entityNotFound, ServiceError } from "./service-error.ts";

/** Consumer groups a hub can have; what the service's Standard tier allows. */
const MAX_GROUPS = 20;

/** What is known of a hub apart from its events. */
export interface HubDescription {
  readonly name: string;
  readonly createdAt: number;
  readonly partitionCount: number;
  /** How long events are kept, milliseconds. */
  retentionMs: number;
  updatedAt: number;
}

/** A consumer group; it is no more than a name under which readers are counted. */
export interface ConsumerGroup {
  readonly name: string;
  readonly createdAt: number;
  userMetadata: string;
}

/** An event hub. */
export class Hub {
  readonly description: HubDescription;
  readonly partitions: readonly Partition[];
  readonly #groups = new Map<string, ConsumerGroup>();
  #turn = 0;

  constructor(
    description: HubDescription,
    partitions: readonly Partition[],
    groups: readonly ConsumerGroup[],
  ) {
    this.description = description;
    this.partitions = partitions;
    for (const group of groups) this.#groups.set(keyOf(group.name), group);
    if (!this.#groups.has(keyOf(DEFAULT_GROUP))) {
      this.#groups.set(keyOf(DEFAULT_GROUP), {
        name: DEFAULT_GROUP,
        createdAt: description.createdAt,
        userMetadata: "",
      });
    }
  }

  get name(): string {
    return this.description.name;
  }

  get groups(): ConsumerGroup[] {
    return [...this.#groups.values()];
  }

  group(name: string): ConsumerGroup | undefined {
    return this.#groups.get(keyOf(name));
  }

  addGroup(name: string, userMetadata: string): ConsumerGroup {
    checkGroupName(name);
    if (this.#groups.size >= MAX_GROUPS) {
      throw new ServiceError(
        CONDITION.quota,
        `Cannot create '${name}': the event hub '${this.name}' has ${MAX_GROUPS} consumer groups, which is the limit.`,
      );
    }
    const group: ConsumerGroup = { name, createdAt: Date.now(), userMetadata };
    this.#groups.set(keyOf(name), group);
    return group;
  }

  removeGroup(name: string): boolean {
    return this.#groups.delete(keyOf(name));
  }

  partition(id: string): Partition {
    const partition = this.partitions[Number(id)];
    if (partition === undefined || partition.id !== id) {
      throw new ServiceError(
        CONDITION.argumentRange,
        `The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and ${this.partitions.length - 1}.`,
      );
    }
    return partition;
  }

  requireGroup(name: string): ConsumerGroup {
    const group = this.group(name);
    if (group === undefined) throw entityNotFound(`${this.name}/ConsumerGroups/${name}`);
    return group;
  }

  /** The partition for events with a key; without one each call takes its turn. */
  route(key: string | undefined): Partition {
    const index =
      key === undefined ? this.#turn++ % this.partitions.length : partitionOfKey(key, this.partitions.length);
    return this.partitions[index] as Partition;
  }

  /** Lets go of what the hub no longer has to keep. */
  retain(now: number, maxBytes: number): void {
    for (const { log } of this.partitions) log.retain(now - this.description.retentionMs, maxBytes);
  }
}
