import { type Call, givenUp, MessagingError, type TopologyItem } from "@waybill/core/spi";
import type { ConfirmChannel, Message, Options } from "amqplib";
import type { Control } from "../client/control.ts";
import { hasReplyCode } from "../errors.ts";
import { copyingName, copyLockName, pastName, queueName, streamName } from "../naming.ts";
import type { Settings } from "../options.ts";
import { streamStart } from "../receiving/position.ts";
import { endOfPast } from "./past-first.ts";
import { queueSpec } from "./queue-specs.ts";
import { lookMs, offsetOf, StreamEnd } from "./stream-end.ts";

/** How long a message may be on its way from a publisher to the stream. */
const settleMs = 1_000;
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
    const stream = streamName(address.brokerName);
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const to = await this.#control.model.createConfirmChannel();
    try {
      let failure: unknown;
      to.on("error", (error) => {
        failure = error;
      });
      to.on("return", () => {
        failure ??= new MessagingError("NOT_FOUND", `The queue "${target}" is gone.`, {
          remedy: "Subscribe again, which makes it.",
          retryable: true,
        });
      });
      const end = new StreamEnd();
      await this.#control.run((behind) =>
        this.#control.run((last) =>
          this.#control.run(async (from) => {
            await end.watch(stream, behind, last);
            const { argument, skips } = streamStart(start);
            let underWay = 0;
            let gone = false;
            let over = false;
            const stored = (message: Message, cause: unknown) => {
              underWay--;
              if (cause) failure ??= cause;
              // Confirms may still come when this was given up, and its channel closed.
              else if (!over) from.ack(message);
            };
            await from.prefetch(window);
            await from.consume(
              stream,
              (message) => {
                if (message === null) {
                  gone = true;
                  return;
                }
                if (!end.wasRead(offsetOf(message)) || skips(message)) return from.ack(message);
                underWay++;
                // Acked when it is stored, so that no more than a window is ever on its way.
                send(to, target, message, (cause) => stored(message, cause));
              },
              { arguments: { "x-stream-offset": argument } },
            );
            try {
              while (failure === undefined && !gone && !end.isReached(underWay > 0)) {
                if (call.signal.aborted) throw givenUp(call.signal);
                await new Promise((resolve) => setTimeout(resolve, lookMs));
              }
              await to.waitForConfirms().catch((cause) => {
                failure ??= cause;
              });
            } finally {
              over = true;
            }
            if (gone)
              failure ??= new MessagingError("NOT_FOUND", `The stream "${stream}" is gone.`, {
                remedy: "Publish to its topic or subscribe again, which makes it.",
              });
          }),
        ),
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

/** As it is, but for what would be taken for the end of the past, or route it to further queues once more. */
function send(to: ConfirmChannel, target: string, message: Message, done: (cause: unknown) => void): void {
  const { headers, userId, clusterId, deliveryMode, type, ...properties } = message.properties;
  const { "x-stream-offset": _offset, CC: _copies, ...kept } = headers ?? {};
  const options: Options.Publish = {
    ...properties,
    type: type === endOfPast ? undefined : type,
    headers: kept,
    persistent: true,
    mandatory: true,
  };
  try {
    to.sendToQueue(target, message.content, options, done);
  } catch (cause) {
    done(cause);
  }
}
