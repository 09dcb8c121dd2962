import type { Channel, ChannelModel, ConsumeMessage, Options } from "amqplib";
import { byTag } from "../client/by-tag.ts";
import type { RabbitmqDelivery } from "../delivery.ts";
import { handedBackHeader } from "../mapping.ts";

/** How a queue takes back what no handler has seen without counting a delivery. */
export type HandBack =
  /** `basic.nack` does not count: on queues that count nothing, and from RabbitMQ 4.3 on. */
  | { readonly how: "nack" }
  /** Everything counts, so a copy is stored and the original acked. Copies go by the connection that publishes. */
  | { readonly how: "copy"; readonly publishing: () => Promise<ChannelModel> }
  /** Only a channel that closes in one go keeps the order. */
  | { readonly how: "close" };

/** Since RabbitMQ 4.3 a nack is no failed delivery to a quorum queue; before, every end without an ack is (seen on 4.0.5). */
export function nackCounts(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return major < 4 || (major === 4 && minor < 3);
}

/** Hands back those that were started counted, and the others not; where nothing is counted that makes no difference. */
export function nackAll(
  channel: Channel,
  unsettled: readonly RabbitmqDelivery[],
  started: ReadonlySet<unknown>,
): void {
  for (const delivery of unsettled) if (started.has(delivery)) channel.reject(byTag(delivery.tag), true);
  channel.nackAll(true);
}

/**
 * The broker passes on at most 32 settlements to a quorum queue at a time, and forgets
 * what waits if the channel closes (`rabbit_fifo_client` of 4.0, its soft limit).
 */
const mostSettlements = 30;

/**
 * Stores copies in the queue, ahead of what waits there, those of `started` counted once
 * more, and acks the originals. What could not be stored goes back with the channel.
 */
export async function handBackCopies(
  channel: Channel,
  queue: string,
  unsettled: readonly RabbitmqDelivery[],
  started: ReadonlySet<unknown>,
  publishing: () => Promise<ChannelModel>,
): Promise<void> {
  const stored = await storeCopies(await publishing(), queue, unsettled, started);
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
  started: ReadonlySet<unknown>,
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
          copyOptions(delivery, started.has(delivery)),
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

/** As it came, with its count so far, and before what waits: quorum queues serve priorities above 4 first. */
function copyOptions(delivery: RabbitmqDelivery, isStarted: boolean): Options.Publish {
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
    headers: { ...kept, [handedBackHeader]: delivery.redeliveries + (isStarted ? 1 : 0) },
    priority: 9,
    persistent: true,
    mandatory: true,
  };
}
