import type { Address } from "@waybill/core/spi";
import type { RedisClient } from "../client/redis-client.ts";
import { trim } from "../client/scripts/trim.ts";
import { topicKeys } from "../naming.ts";
import type { Settings } from "../options.ts";

const everyMs = 1_000;
/** Readers that Redis knows nothing of find at least this much: milliseconds. */
const graceMs = 2_000;

/**
 * Keeps topics from growing for ever. Whoever publishes to one or settles from it
 * says so; a second later, however much went by, it is trimmed once.
 */
export class Trimmer {
  readonly #client: RedisClient;
  readonly #settings: Settings;
  readonly #pending = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(client: RedisClient, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
  }

  touch(topic: Address): void {
    const { brokerName, retained } = topic;
    if (this.#closed || this.#pending.has(brokerName)) return;
    const timer = setTimeout(() => {
      this.#pending.delete(brokerName);
      const keepMs = retained ? this.#settings.retentionMs : graceMs;
      // What fails is tried again with the next message; a lost connection is told elsewhere.
      trim(this.#client, topicKeys(brokerName), keepMs).catch(() => {});
    }, everyMs);
    timer.unref();
    this.#pending.set(brokerName, timer);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }
}
