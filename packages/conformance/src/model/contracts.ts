import {
  type ConsumerRef,
  type QueueContract,
  queue,
  type StandardSchema,
  type TopicContract,
  topic,
} from "@waybill/core";
import type { ModelClock } from "./model-time.ts";
import { type DestinationName, destinationNames, type ProgramSettings } from "./program.ts";

/** What travels: the number of the message, and its key. */
export interface Numbered {
  readonly n: number;
  readonly k: string | undefined;
}

export type NumberedContract = TopicContract<Numbered> | QueueContract<Numbered>;

/** The groups of every topic. */
export const groups = ["a", "b"] as const;

/** The contracts of one program. */
export class Contracts {
  readonly #all: ReadonlyMap<DestinationName, NumberedContract>;

  constructor({ schemaMs }: ProgramSettings, clock: ModelClock) {
    const schema = schemaMs === undefined ? {} : { schema: slowSchema(schemaMs, clock) };
    const ordered = { key: ({ k }: Numbered) => k };
    this.#all = new Map<DestinationName, NumberedContract>([
      ["ordered-topic", topic<Numbered>("ordered-topic", { ...schema, ...ordered })],
      ["ordered-queue", queue<Numbered>("ordered-queue", { ...schema, ...ordered })],
      ["topic", topic<Numbered>("topic", schema)],
      ["queue", queue<Numbered>("queue", schema)],
    ]);
  }

  /** By number, modulo those that the program uses. */
  at(to: number, { destinations }: ProgramSettings): NumberedContract {
    const index = destinations[to % destinations.length] ?? 0;
    return this.named(destinationNames[index % destinationNames.length] as DestinationName);
  }

  named(name: DestinationName): NumberedContract {
    return this.#all.get(name) as NumberedContract;
  }
}

/** Whoever consumes a contract: a queue's consumers, or a topic's group. */
export function consumerOf(contract: NumberedContract, group: string | undefined): ConsumerRef {
  return contract.kind === "topic" ? { topic: contract, group: group ?? "a" } : { queue: contract };
}

/** One that takes its time: 0 for a promise that is kept at once. */
function slowSchema(ms: number, clock: ModelClock): StandardSchema<Numbered> {
  return {
    "~standard": {
      version: 1,
      vendor: "model",
      validate: async (value) => {
        if (ms > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, ms));
        return { value: value as Numbered };
      },
    },
  };
}
