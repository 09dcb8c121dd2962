import {
  type Address,
  MessagingError,
  type PublishOutcome,
  stored,
  type WireMessage,
} from "@waybill/core/spi";
import { MessagePackWriter } from "./client/message-pack.ts";
import { command, type RedisClient } from "./client/redis-client.ts";
import { type Published, publish, publishDelayed } from "./client/scripts/publish.ts";
import { replyError } from "./errors.ts";
import { type EntryMapping, mostHeadersInAll } from "./mapping.ts";
import { type StreamKeys, targetKeys } from "./naming.ts";
import type { Settings } from "./options.ts";

/** Writes batches: one script call for what is due at once, one for what is delayed. */
export class RedisPublisher {
  readonly #client: RedisClient;
  readonly #settings: Settings;
  readonly #mapping: EntryMapping;

  constructor(client: RedisClient, settings: Settings, mapping: EntryMapping) {
    this.#client = client;
    this.#settings = settings;
    this.#mapping = mapping;
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    const keys = targetKeys(to);
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    const due: number[] = [];
    const delayed: number[] = [];
    for (let i = 0; i < batch.length; i++) {
      if ((batch[i] as WireMessage).delayMs > 0) delayed.push(i);
      else due.push(i);
    }
    await this.#write(to, keys, batch, due, false, outcomes);
    await this.#write(to, keys, batch, delayed, true, outcomes);
    if (this.#settings.confirm === "fsync" || this.#settings.replicas > 0) await this.#awaitCopies();
    return outcomes;
  }

  async #write(
    to: Address,
    keys: StreamKeys,
    batch: readonly WireMessage[],
    indexes: readonly number[],
    later: boolean,
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const packed: number[] = [];
    const names: string[][] = [];
    let capacity = 16;
    for (const index of indexes) {
      const message = batch[index] as WireMessage;
      const own = Object.keys(message.headers);
      if (own.length > mostHeadersInAll) outcomes[index] = { ok: false, cause: tooManyHeaders(own.length) };
      else {
        packed.push(index);
        names.push(own);
        capacity += message.body.length + 192 + own.length * 64;
      }
    }
    if (packed.length === 0) return;
    const writer = new MessagePackWriter(capacity);
    writer.array(packed.length);
    for (let i = 0; i < packed.length; i++) {
      this.#mapping.encode(batch[packed[i] as number] as WireMessage, names[i] as string[], writer);
    }
    const result = later
      ? await publishDelayed(
          this.#client,
          keys,
          writer.finish(),
          packed.map((index) => (batch[index] as WireMessage).delayMs),
        )
      : await publish(this.#client, keys, writer.finish());
    conclude(to, result, packed, outcomes);
  }

  /** Waits until the server says that what was written on this connection is as safe as was asked for. */
  async #awaitCopies(): Promise<void> {
    const { confirm, replicas, responseTimeoutMs } = this.#settings;
    const waitMs = Math.ceil(responseTimeoutMs / 2);
    const fsync = confirm === "fsync";
    const reply = fsync
      ? await command(this.#client, "waitaof", [1, replicas, waitMs])
      : await command(this.#client, "wait", [replicas, waitMs]);
    const [onDisk, copies] = (fsync ? reply : [1, reply]) as [number, number];
    if (onDisk >= 1 && copies >= replicas) return;
    throw new MessagingError(
      "TIMEOUT",
      `Redis stored the messages, but not as safely as asked within ${waitMs} ms.`,
      {
        remedy: "Look at the disk and the replicas, or ask for less with `confirm` and `replicas`.",
        details: { onDisk, copies, replicas },
      },
    );
  }
}

function conclude(
  to: Address,
  result: Published,
  indexes: readonly number[],
  outcomes: PublishOutcome[],
): void {
  if (result !== "absent" && result.error === undefined) return;
  const failed: PublishOutcome = {
    ok: false,
    cause: result === "absent" ? absent(to) : replyError(result.error ?? ""),
  };
  const first = result === "absent" ? 0 : result.stored;
  for (const index of indexes.slice(first)) outcomes[index] = failed;
}

function absent(to: Address): MessagingError {
  const where = to.kind === "group" ? `group "${to.group}" of topic "${to.name}"` : `${to.kind} "${to.name}"`;
  return new MessagingError("NOT_FOUND", `There is no ${where} on this Redis.`, {
    remedy: 'Create it, or connect with `topology: "create"`.',
    details: { kind: to.kind, name: to.name, key: to.brokerName },
  });
}

function tooManyHeaders(count: number): MessagingError {
  return new MessagingError(
    "INVALID_HEADER",
    `A message has ${count} headers; Redis scripts can carry ${mostHeadersInAll}.`,
    {
      remedy: "Put what belongs together in one header, or in the body.",
      details: { count, limit: mostHeadersInAll },
    },
  );
}
