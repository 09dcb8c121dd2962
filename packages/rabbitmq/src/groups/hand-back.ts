import type { CloseConsumerOptions } from "@waybill/core/spi";
import type { Channel, ChannelModel, ConsumeMessage, Options } from "amqplib";
import { byTag } from "../client/by-tag.ts";
import type { RabbitmqDelivery } from "../delivery.ts";
import { handedBackHeader } from "../mapping.ts";

/** How a queue takes back what no handler has seen without counting a delivery. */
export type HandBack =
  /**
   * `basic.nack` does not count: on queues that count nothing, and from RabbitMQ 4.3 on. A copy is stored only of
   * what is to come again with a count of its own, where the queue counts.
   */
  | { readonly how: "nack"; readonly publishing: (() => Promise<ChannelModel>) | undefined }
  /** Everything counts, so a copy is stored and the original acked. Copies go by the connection that publishes. */
  | { readonly how: "copy"; readonly publishing: () => Promise<ChannelModel> }
  /** Only a channel that closes in one go keeps the order. */
  | { readonly how: "close" };

/** Since RabbitMQ 4.3 a nack is no failed delivery to a quorum queue; before, every end without an ack is (seen on 4.0.5). */
export function nackCounts(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return major < 4 || (major === 4 && minor < 3);
}

/**
 * The broker passes on at most 32 settlements to a quorum queue at a time, and forgets
 * what waits if the channel closes (`rabbit_fifo_client` of 4.0, its soft limit).
 */
const mostSettlements = 30;

/** With how many redeliveries a message is to come again. */
type CountToGive = (delivery: RabbitmqDelivery) => number;

/**
 * Hands all of it back, each with the count that core tells or else the one it had, once more where its handler was
 * called. Resolves with those of which a copy was stored: its count begins anew.
 */
export async function giveBack(
  channel: Channel,
  queue: string,
  unsettled: readonly RabbitmqDelivery[],
  { started, delayed }: CloseConsumerOptions,
  handBack: Exclude<HandBack, { how: "close" }>,
): Promise<Iterable<RabbitmqDelivery>> {
  const countToGive: CountToGive = (delivery) =>
    delayed.get(delivery)?.redeliveries ?? delivery.redeliveries + (started.has(delivery) ? 1 : 0);
  if (handBack.how === "copy") {
    await giveBackCopies(channel, queue, unsettled, countToGive, handBack.publishing);
    return unsettled;
  }
  const toldOf = unsettled.filter((each) => delayed.has(each)).slice(0, mostSettlements);
  const stored =
    toldOf.length === 0 || handBack.publishing === undefined
      ? new Set<RabbitmqDelivery>()
      : await storeCopies(await handBack.publishing(), queue, toldOf, countToGive);
  for (const { tag } of stored) channel.ack(byTag(tag));
  nackAll(
    channel,
    unsettled.filter((each) => !stored.has(each)),
    started,
  );
  return stored;
}

/** Those that were started counted, and the others not; where nothing is counted that makes no difference. */
function nackAll(
  channel: Channel,
  unsettled: readonly RabbitmqDelivery[],
  started: ReadonlySet<unknown>,
): void {
  if (unsettled.length === 0) return;
  for (const delivery of unsettled) if (started.has(delivery)) channel.reject(byTag(delivery.tag), true);
  channel.nackAll(true);
}

/**
 * Stores copies in the queue, ahead of what waits there, and acks the originals. What could not
 * be stored goes back with the channel.
 */
async function giveBackCopies(
  channel: Channel,
  queue: string,
  unsettled: readonly RabbitmqDelivery[],
  countToGive: CountToGive,
  publishing: () => Promise<ChannelModel>,
): Promise<void> {
  const stored = await storeCopies(await publishing(), queue, unsettled, countToGive);
  const runs = runsOf(unsettled, (delivery) => stored.has(delivery));
  // One settlement in all, unless some could not be stored.
  for (const { isStored, lastTag } of runs.slice(0, mostSettlements)) {
    if (isStored) channel.ack(byTag(lastTag), true);
    else channel.nack(byTag(lastTag), true, true);
  }
}

interface Run {
  readonly isStored: boolean;
  lastTag: number;
}

function runsOf(
  unsettled: readonly RabbitmqDelivery[],
  isStored: (delivery: RabbitmqDelivery) => boolean,
): readonly Run[] {
  const runs: Run[] = [];
  for (const delivery of unsettled) {
    const last = runs.at(-1);
    if (last?.isStored === isStored(delivery)) last.lastTag = delivery.tag;
    else runs.push({ isStored: isStored(delivery), lastTag: delivery.tag });
  }
  return runs;
}

async function storeCopies(
  model: ChannelModel,
  queue: string,
  deliveries: readonly RabbitmqDelivery[],
  countToGive: CountToGive,
): Promise<ReadonlySet<RabbitmqDelivery>> {
  const stored = new Set<RabbitmqDelivery>();
  const channel = await model.createConfirmChannel();
  let broken = false;
  const drained: { resolve?: () => void } = {};
  channel.on("error", () => undefined);
  channel.on("close", () => {
    broken = true;
    drained.resolve?.();
  });
  // It comes before its confirm: the queue is gone, so there is nothing to hand back to.
  channel.on("return", () => {
    broken = true;
  });
  channel.on("drain", () => drained.resolve?.());
  const confirms: Promise<void>[] = [];
  for (const delivery of deliveries) {
    if (broken) break;
    let room = true;
    const confirmed = new Promise<void>((resolve) => {
      try {
        room = channel.sendToQueue(
          queue,
          delivery.native.content,
          copyOptions(delivery, countToGive(delivery)),
          (cause) => {
            if (cause === null && !broken) stored.add(delivery);
            resolve();
          },
        );
      } catch {
        // Headers that came in and cannot go out: it goes back counted.
        resolve();
      }
    });
    confirms.push(confirmed);
    if (!room && !broken) {
      await new Promise<void>((resolve) => {
        drained.resolve = resolve;
      });
    }
  }
  await Promise.all(confirms);
  await channel.close().catch(() => undefined);
  return stored;
}

/** As it came, with that count, and before what waits: quorum queues serve priorities above 4 first. */
function copyOptions(delivery: RabbitmqDelivery, redeliveries: number): Options.Publish {
  const {
    headers,
    userId: _user,
    clusterId: _cluster,
    deliveryMode: _mode,
    ...properties
  } = delivery.native.properties as ConsumeMessage["properties"];
  const { CC: _copies, "x-delivery-count": _count, "x-acquired-count": _acquired, ...kept } = headers ?? {};
  return {
    ...properties,
    headers: { ...kept, [handedBackHeader]: redeliveries },
    priority: 9,
    persistent: true,
    mandatory: true,
  };
}
