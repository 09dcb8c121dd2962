import type { Address } from "@waybill/core/spi";
import { Redis } from "ioredis";
import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type RedisOptions, redis } from "../src/index.ts";
import { groupKeys } from "../src/naming.ts";

/** The server under test: the environment's, or the one where local brokers usually listen. */
const url = process.env.WAYBILL_REDIS_URL || "redis://127.0.0.1:6379";

export class RedisBench extends Workbench<RedisOptions> {
  #plain: Redis | undefined;

  driver(options: RedisOptions = {}) {
    const { hostname, port } = new URL(url);
    return redis({ host: hostname, port: Number(port || 6379), acceptVolatile: true, ...options });
  }

  /** The vendor client, to look at what is there. */
  get plain(): Redis {
    this.#plain ??= new Redis(url);
    return this.#plain;
  }

  /** The name of its consumer group in Redis. */
  groupOf(address: Address): string {
    return groupKeys(address).group;
  }

  override async end(): Promise<void> {
    await super.end();
    this.#plain?.disconnect();
    this.#plain = undefined;
  }
}
