import { MessagingError, type StartPosition, shownText } from "@waybill/core/spi";
import type { AmqpConnection } from "../client/amqp-connection.ts";
import { AmqpError, ownConditions } from "../client/amqp-error.ts";
import type { PartitionInfo } from "../client/hub-info.ts";
import { type AmqpMessage, annotations, parsePosition, sequenceNumberOf } from "../mapping.ts";
import { defaultGroup } from "../naming.ts";
import type { GroupId, GroupStore } from "./checkpoint-store.ts";

/** Where reading of a partition begins: behind this message. -1: at the very beginning. */
export interface Start {
  readonly sequenceNumber: number;
  /** Its offset, as other processors want it in a checkpoint; "-1" where it is not known. */
  readonly offset: string;
}

const beginning: Start = { sequenceNumber: -1, offset: "-1" };

export interface StartQuery {
  readonly hub: string;
  /** Where to look up a time: a group that may have five readers at most. */
  readonly consumerGroup?: string;
  readonly start: StartPosition;
  /** Default: all of them. */
  readonly partitions?: readonly string[];
  readonly timeoutMs: number;
}

/** Where reading begins, for every partition of the hub. */
export async function startsOf(amqp: AmqpConnection, query: StartQuery): Promise<Map<string, Start>> {
  const { hub, start } = query;
  const position = start.from === "position" ? positionOf(start.position) : undefined;
  const partitionIds = query.partitions ?? (await amqp.hub(hub)).partitionIds;
  const starts = await Promise.all(
    partitionIds.map(async (partition): Promise<Start> => {
      if (start.from === "earliest") return beginning;
      if (partition === position?.partition) {
        return { sequenceNumber: position.sequenceNumber - 1, offset: "-1" };
      }
      const info = await amqp.partition(hub, partition);
      const since =
        start.from === "time" ? start.timestamp : position === undefined ? undefined : position.enqueuedAt;
      return since === undefined ? endOf(info) : startAtTime(amqp, query, partition, info, since);
    }),
  );
  return new Map(partitionIds.map((partition, i) => [partition, starts[i] as Start]));
}

function positionOf(text: string) {
  const position = parsePosition(text);
  if (position !== undefined) return position;
  throw new MessagingError("INVALID_ARGUMENT", `"${shownText(text)}" is not a position of event-hubs.`, {
    remedy: "Give back the `position` of a delivery as it was.",
  });
}

function endOf(info: PartitionInfo): Start {
  if (info.isEmpty && info.lastSequenceNumber < 0) return beginning;
  return { sequenceNumber: info.lastSequenceNumber, offset: info.lastOffset };
}

/** Before the first message stored at or after a time; where there is none that late, the end. */
async function startAtTime(
  amqp: AmqpConnection,
  { hub, consumerGroup = defaultGroup, timeoutMs }: StartQuery,
  partition: string,
  info: PartitionInfo,
  since: number,
): Promise<Start> {
  if (info.isEmpty || info.lastEnqueuedAt < since) return endOf(info);
  const first = await firstMessage(
    amqp,
    hub,
    `${hub}/ConsumerGroups/${consumerGroup}/Partitions/${partition}`,
    `amqp.annotation.${annotations.enqueuedTime} > '${since - 1}'`,
    timeoutMs,
  );
  return { sequenceNumber: sequenceNumberOf(first) - 1, offset: "-1" };
}

/** Rejects when none comes in time: a slow service is no reason to begin behind what was asked for. */
function firstMessage(
  amqp: AmqpConnection,
  hub: string,
  address: string,
  selector: string,
  timeoutMs: number,
): Promise<AmqpMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => end(() => reject(new AmqpError(ownConditions.timeout, `No message from ${address} in time.`))),
      timeoutMs,
    );
    const opening = amqp.receiver(hub, {
      address,
      selector,
      ownerLevel: undefined,
      onMessage: (message) => end(() => resolve(message)),
      onEnd: (cause) => end(() => reject(cause)),
    });
    const end = (settle: () => void) => {
      clearTimeout(timer);
      settle();
      opening.then(
        (receiver) => receiver.close(),
        () => {},
      );
    };
    opening.then(
      (receiver) => receiver.addCredit(1),
      (cause) => end(() => reject(cause)),
    );
  });
}

/**
 * Gives a new group its place in a hub, so that it keeps what comes before its members
 * do. A group that has one keeps it.
 */
export async function declareStart(
  amqp: AmqpConnection,
  store: GroupStore,
  group: GroupId,
  start: StartPosition,
  timeoutMs: number,
): Promise<void> {
  const { namespace, hub, consumerGroup } = group;
  if ((await store.listCheckpoints(namespace, hub, consumerGroup)).length > 0) return;
  const starts = await startsOf(amqp, { hub, start, timeoutMs });
  // Once more, now that the places are known: of two processes that declare at once, the
  // later then writes places that are no later than what the other has declared.
  if ((await store.listCheckpoints(namespace, hub, consumerGroup)).length > 0) return;
  await Promise.all(
    [...starts].map(([partitionId, { sequenceNumber, offset }]) =>
      store.updateCheckpoint({
        fullyQualifiedNamespace: namespace,
        eventHubName: hub,
        consumerGroup,
        partitionId,
        sequenceNumber,
        offset,
      }),
    ),
  );
}
