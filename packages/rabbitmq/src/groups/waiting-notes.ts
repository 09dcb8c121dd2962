import { createHash } from "node:crypto";
import { type CloseConsumerOptions, MessagingError, systemClock, within } from "@waybill/core/spi";
import type { Channel, ChannelModel, ConsumeMessage } from "amqplib";
import type { RabbitmqDelivery } from "../delivery.ts";
import { countIn, toText } from "../mapping.ts";
import { type Note, readNotes, writeNotes } from "./waiting-notes-format.ts";

/** How long reading and writing may take each, in milliseconds: what is noted is worth no longer stop. */
const timeoutMs = 5_000;
/** The most messages to read and to leave: each closing member leaves one or a few, and takes away those it has read. */
const mostMessages = 100;
/** How much of a body names it, in bytes: what is large would hold up everything else. */
const hashedBytes = 4_096;
/** A queue of notes that nobody has used for so long is gone, in milliseconds. */
const unusedMs = 30 * 86_400_000;

export interface WaitingNotesParts {
  /** The queue that holds the notes. */
  readonly queue: string;
  readonly queueType: string;
  readonly exists: () => Promise<boolean>;
  readonly reading: () => Promise<Channel>;
  /** Notes go by the connection that publishes. */
  readonly publishing: () => Promise<ChannelModel>;
  readonly report: (cause: unknown) => void;
}

/**
 * What becomes of messages of an ordered queue that were handed back: those that waited for their next
 * attempt, and those that no handler has seen, which the broker counts all the same. They go back to
 * their place in the queue as they are, so this goes into a queue beside it: a member that closes leaves one message there before it gives anything back,
 * and whoever becomes active next reads it before it hands out what comes back.
 */
export class WaitingNotes {
  readonly #parts: WaitingNotesParts;
  #known = new Map<string, Note>();
  #channel: Channel | undefined;
  #lastTag: number | undefined;
  #isRead = false;
  #isClosed = false;

  constructor(parts: WaitingNotesParts) {
    this.#parts = parts;
  }

  get isRead(): boolean {
    return this.#isRead;
  }

  /** Never rejects. What is read stays in its queue until it is written anew: it comes back if this process dies. */
  async read(): Promise<void> {
    const onFailure = (cause: unknown) => this.#parts.report(cause);
    await within(systemClock, timeoutMs, this.#read(), { onFailure });
    this.#isRead = true;
  }

  /** Tells a delivery what is noted of it. A note is for one delivery, and only for one that was delivered before. */
  apply(delivery: RabbitmqDelivery): void {
    if (this.#known.size === 0 || !delivery.native.fields.redelivered) return;
    const identity = identityOf(delivery.native);
    const note = this.#known.get(identity);
    if (note === undefined) return;
    const count = countOf(delivery.native);
    // Coming back is counted once; what is more were deliveries since, of which nothing is noted.
    if (count < note.counted) return;
    this.#known.delete(identity);
    const redeliveries = note.redeliveries + Math.max(0, count - note.counted - 1);
    delivery.noted = { redeliveries, dueAt: note.dueAt };
  }

  /** Leaves a message for whoever is active next. Never rejects. */
  async write(unsettled: readonly RabbitmqDelivery[], options: CloseConsumerOptions): Promise<void> {
    const onFailure = (cause: unknown) => this.#parts.report(cause);
    await within(systemClock, timeoutMs, this.#write(unsettled, options), { onFailure });
  }

  /** What was read and not replaced is for others to read. */
  close(): void {
    this.#isClosed = true;
    const channel = this.#channel;
    this.#channel = undefined;
    void channel?.close().catch(() => undefined);
  }

  async #read(): Promise<void> {
    const { queue, exists, reading, report } = this.#parts;
    if (!(await exists())) return;
    const channel = await reading();
    if (this.#isClosed) return void channel.close().catch(() => undefined);
    this.#channel = channel;
    channel.on("error", () => undefined);
    channel.on("close", () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    for (let count = 0; count < mostMessages; count++) {
      const message = await channel.get(queue);
      if (message === false) return;
      this.#lastTag = message.fields.deliveryTag;
      const notes = readNotes(message.content);
      if (notes === undefined) report(damaged(queue));
      for (const note of notes ?? []) this.#known.set(note.identity, note);
    }
  }

  async #write(
    unsettled: readonly RabbitmqDelivery[],
    { started, delayed }: CloseConsumerOptions,
  ): Promise<void> {
    const now = performance.now();
    const fresh: Note[] = [];
    for (const delivery of unsettled) {
      const { noted, native } = delivery;
      const told = delayed.get(delivery);
      const isStarted = started.has(delivery);
      // Coming back is counted, and so it should be where nothing else is known.
      if (told === undefined && noted === undefined && isStarted) continue;
      const dueAt = told === undefined ? (noted?.dueAt ?? now) : now + told.delayMs;
      const redeliveries = told?.redeliveries ?? delivery.redeliveries + (isStarted ? 1 : 0);
      const identity = identityOf(native);
      fresh.push({ identity, redeliveries, counted: countOf(native), dueAt, writtenAt: Date.now() });
    }
    const wasRead = this.#lastTag !== undefined;
    // What was read and has not come yet is still to come.
    const notes = [...fresh, ...this.#known.values()];
    if (fresh.length > 0 || (wasRead && notes.length > 0)) await this.#leave(notes);
    const channel = this.#channel;
    if (wasRead) channel?.ack({ fields: { deliveryTag: this.#lastTag } } as ConsumeMessage, true);
    this.#lastTag = undefined;
  }

  async #leave(notes: readonly Note[]): Promise<void> {
    const messages = writeNotes(notes);
    if (messages.length > 0) await this.#publish(messages.slice(0, mostMessages));
  }

  async #publish(messages: readonly Buffer[]): Promise<void> {
    const { queue, queueType, publishing } = this.#parts;
    const channel = await (await publishing()).createConfirmChannel();
    channel.on("error", () => undefined);
    let stored = 0;
    try {
      await channel.assertQueue(queue, {
        durable: true,
        arguments: { "x-queue-type": queueType, "x-expires": unusedMs, "x-max-length": mostMessages },
      });
      await new Promise<void>((resolve, reject) => {
        channel.on("close", () => reject(new Error("The channel was closed before the notes were stored.")));
        const options = { persistent: true, contentType: "application/json" };
        for (const content of messages) {
          channel.sendToQueue(queue, content, options, (cause) => {
            if (cause !== null) return reject(cause);
            if (++stored === messages.length) resolve();
          });
        }
      });
    } finally {
      await channel.close().catch(() => undefined);
    }
  }
}

/** The broker's count of deliveries before this one, as quorum queues write it. */
function countOf({ properties }: ConsumeMessage): number {
  return countIn(properties, "x-delivery-count");
}

/** Names a message by what its sender wrote on it: a redriven or a retried copy has other headers, and is another. */
function identityOf({ properties, fields, content }: ConsumeMessage): string {
  const { messageId, correlationId, timestamp, headers } = properties;
  const written = Object.entries(headers ?? {})
    .filter(([name]) => !name.startsWith("x-"))
    .map(([name, value]) => `${name}=${toText(value)}`)
    .sort();
  const parts = [fields.routingKey, messageId, correlationId, timestamp, content.length, ...written];
  const hash = createHash("sha256").update(JSON.stringify(parts.map(toText)));
  return hash.update(content.subarray(0, hashedBytes)).digest("base64url");
}

function damaged(queue: string): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `A message in "${queue}" cannot be read: retries that waited have the broker's count, and come at once.`,
    { remedy: "See who else writes to that queue: only Waybill should." },
  );
}
