import type { Options } from "amqplib";
import type { RabbitmqDelivery } from "../delivery.ts";
import type { HandBack } from "../groups/hand-back.ts";
import type { UncountedDeliveries } from "../groups/uncounted-deliveries.ts";
import type { WaitingNotes } from "../groups/waiting-notes.ts";
import type { Replacement } from "./channel-consumers.ts";
import type { GivenBack } from "./given-back.ts";

/** What one consumer of a queue is to do. */
export interface ConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  /** The most bytes to have the broker push, as far as it can be told. */
  readonly prefetchBytes: number;
  readonly consume: Options.Consume;
  /** For what one consumer reads alone, where another may take its place with another prefetch. */
  readonly replacement?: Replacement | undefined;
  /**
   * How it hands back what is unsettled. Where only one member of the group is active
   * it must be by closing the channel: what such a member gives back must be in the
   * queue before the next one becomes active (seen on 4.0: after `basic.cancel` the
   * next member is given what follows, and what comes back is delivered behind that).
   */
  readonly handBack: HandBack;
  /** What members of an ordered group leave each other to know of retries that wait. */
  readonly notes?: WaitingNotes | undefined;
  /** What this process knows of deliveries that do not count. */
  readonly uncounted: UncountedDeliveries;
  /** What this process knows of how much came back. */
  readonly givenBack: GivenBack;
  /** Whether the topic keeps its messages, so that a delivery has a place in it. */
  readonly retained: boolean;
  /** For a message that is not to be handed out: `true` acks it here. */
  readonly skip?: (delivery: RabbitmqDelivery) => boolean;
}
