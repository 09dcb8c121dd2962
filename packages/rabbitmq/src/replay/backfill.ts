import { type Call, givenUp, MessagingError, type TopologyItem } from "@waybill/core/spi";
import type { ConfirmChannel, ConsumeMessage, Message, Options } from "amqplib";
import type { Control } from "../declarations/control.ts";
import { queueSpec } from "../declarations/queue-specs.ts";
import { hasReplyCode } from "../errors.ts";
import { copyingName, copyLockName, pastName, queueName, streamName } from "../naming.ts";
import type { Settings } from "../options.ts";
import { endOfPast } from "./past-first.ts";
import { streamStart } from "./position.ts";

/** How long a message may be on its way from a publisher to the stream. */
const settleMs = 1_000;
/** After this long without a message, and with none behind it, the stream's end is reached. */
const idleMs = 500;
const lockRetryMs = 250;
const window = 200;

/**
 * New groups that start in the past. The queue of a new group is bound first, so
 * that it misses nothing, and then the topic's stream is copied up to there: into
 * the queue itself or, where order counts, into a queue that members handle before
 * it. What is published while this begins can be in both.
 *
 * A durable mark is there while the copy is not complete: if who copies dies, the
 * next one to make the group copies again.
 */
export class Backfill {
  readonly #control: Control;
  readonly #settings: Settings;
  /** One at a time in this process: to the broker, its connection holds the lock. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(control: Control, settings: Settings) {
    this.#control = control;
    this.#settings = settings;
  }

  /** Makes the group with `make`, and gives it its past if it is new. */
  async join(item: TopologyItem, make: () => Promise<void>, call: Call): Promise<void> {
    const queue = queueName(item.address);
    while (this.#running.has(queue)) await this.#running.get(queue)?.catch(() => undefined);
    const joining = this.#join(item, queue, make, call).finally(() => this.#running.delete(queue));
    this.#running.set(queue, joining);
    return joining;
  }

  async #join(item: TopologyItem, queue: string, make: () => Promise<void>, call: Call): Promise<void> {
    if (await this.#isComplete(queue)) return make();
    await this.#lock(queue, call);
    try {
      if (await this.#isComplete(queue)) return await make();
      await this.#control.declareQueue(copyingName(queue), {
        durable: true,
        arguments: { "x-queue-type": this.#settings.queueType },
      });
      const target = await this.#target(item);
      await make();
      await this.#copy(item, target, call);
      await this.#control.run((channel) => channel.deleteQueue(copyingName(queue)));
    } finally {
      await this.#control.run((channel) => channel.deleteQueue(copyLockName(queue))).catch(() => undefined);
    }
  }

  async #isComplete(queue: string): Promise<boolean> {
    if ((await this.#control.look(queue)) === undefined) return false;
    return (await this.#control.look(copyingName(queue))) === undefined;
  }

  /** An exclusive queue is its connection's alone, and goes with it. */
  async #lock(queue: string, call: Call): Promise<void> {
    for (;;) {
      if (call.signal.aborted) throw givenUp(call.signal);
      try {
        await this.#control.declareQueue(copyLockName(queue), {
          exclusive: true,
          durable: false,
          autoDelete: false,
        });
        return;
      } catch (cause) {
        if (!hasReplyCode(cause, 405)) throw cause;
        await new Promise((resolve) => setTimeout(resolve, lockRetryMs));
      }
    }
  }

  /** The queue to copy to, empty. */
  async #target({ address }: TopologyItem): Promise<string> {
    const queue = queueName(address);
    if (!address.ordered) return queue;
    const past = pastName(queue);
    await this.#control.run(async (channel) => {
      await channel.assertQueue(past, queueSpec(address, this.#settings).options);
      await channel.purgeQueue(past);
    });
    return past;
  }

  async #copy({ address, start }: TopologyItem, target: string, call: Call): Promise<void> {
    const stream = streamName(address.physical);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const to = await this.#control.model.createConfirmChannel();
    try {
      let failure: unknown;
      to.on("error", (error) => {
        failure = error;
      });
      to.on("return", () => {
        failure ??= new MessagingError("NOT_FOUND", `The queue "${target}" is gone.`, { retryable: true });
      });
      await this.#control.run((tail) =>
        this.#control.run(async (from) => {
          let end = Number.POSITIVE_INFINITY;
          // What comes after this moment is in the group's queue already.
          await tail.prefetch(1);
          await tail.consume(
            stream,
            (message) => {
              end = Math.min(end, offsetOf(message));
            },
            { arguments: { "x-stream-offset": "next" } },
          );
          const { argument, skips } = streamStart(start);
          let lastAt = Date.now();
          let reached = -1;
          let gone = false;
          await from.prefetch(window);
          await from.consume(
            stream,
            (message) => {
              if (message === null) {
                gone = true;
                return;
              }
              lastAt = Date.now();
              reached = offsetOf(message);
              if (reached >= end || skips(message)) from.ack(message);
              // Acked when it is stored, so that no more than a window is ever on its way.
              else
                send(to, target, message, (cause) => {
                  if (cause) failure ??= cause;
                  else from.ack(message);
                });
            },
            { arguments: { "x-stream-offset": argument } },
          );
          while (failure === undefined && !gone && reached < end - 1 && Date.now() - lastAt < idleMs) {
            if (call.signal.aborted) throw givenUp(call.signal);
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
          await to.waitForConfirms().catch((cause) => {
            failure ??= cause;
          });
          if (gone) failure ??= new MessagingError("NOT_FOUND", `The stream "${stream}" is gone.`);
        }),
      );
      if (failure !== undefined) throw failure;
      if (!address.ordered) return;
      to.sendToQueue(target, Buffer.alloc(0), { type: endOfPast, persistent: true, mandatory: true });
      await to.waitForConfirms();
      if (failure !== undefined) throw failure;
    } finally {
      await to.close().catch(() => undefined);
    }
  }
}

function offsetOf(message: ConsumeMessage | null): number {
  return Number(message?.properties.headers?.["x-stream-offset"] ?? Number.POSITIVE_INFINITY);
}

function send(to: ConfirmChannel, target: string, message: Message, done: (cause: unknown) => void): void {
  const { headers, userId, clusterId, deliveryMode, ...properties } = message.properties;
  const { "x-stream-offset": _offset, ...kept } = headers ?? {};
  const options: Options.Publish = { ...properties, headers: kept, persistent: true, mandatory: true };
  try {
    to.sendToQueue(target, message.content, options, done);
  } catch (cause) {
    done(cause);
  }
}
