import type { Feature } from "../spi/capabilities.ts";
import type { AnyQueue, TopicContract } from "./contract.ts";
import type { Gated, HasFeatures } from "./gated.ts";
import type { FilterOptions, Start } from "./subscriber.ts";

/** Topics, queues and groups as things to make, look at and take away. */
export interface TopologyClient<F extends Feature = never> extends HasFeatures<F> {
  /** Makes them, whatever the client's `topology` option says. A group declared so keeps what comes before its members do. */
  declare(...items: readonly TopologySubject<F>[]): Promise<void>;
  inspect(...items: readonly TopologySubject<F>[]): Promise<readonly TopologyReport[]>;
  /** Takes them away with all that was made for them, their messages included. */
  remove(...items: readonly TopologySubject<F>[]): Promise<void>;
}

/** What can be declared, inspected or removed: a topic, a queue, or a group of a topic. */
export type TopologySubject<F extends Feature = never> =
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  | TopicContract<any, any>
  | AnyQueue
  // biome-ignore lint/suspicious/noExplicitAny: any topic
  | ({ readonly topic: TopicContract<any, any>; readonly group: string } & Gated<
      F,
      "groupStart",
      { readonly start?: Start | undefined }
    > &
      FilterOptions<F>);

/** What the broker has of one topic, queue or group. */
export interface TopologyReport {
  readonly kind: "topic" | "queue" | "group";
  readonly name: string;
  readonly group: string | undefined;
  /** What it is called on the broker. */
  readonly brokerName: string;
  readonly exists: boolean;
  /** What differs from the contract, as sentences. */
  readonly differences: readonly string[];
  /** Messages waiting, where the broker tells. */
  readonly backlog: number | undefined;
}
