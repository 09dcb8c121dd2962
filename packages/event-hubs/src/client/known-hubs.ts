import { BoundedMap } from "@waybill/core/spi";
import type { HubInfo } from "./hub-info.ts";

/** The most that is known of hubs, in bytes: of some thousand. Of others it is asked again. */
const maxBytes = 2 * 1024 * 1024;
/** What a hub takes beside its name, and each of its partitions beside its id. */
const hubBytes = 100;
const partitionBytes = 50;

/** What the service has said of hubs. */
export class KnownHubs {
  readonly #hubs = new BoundedMap<HubInfo>(maxBytes);

  get size(): number {
    return this.#hubs.size;
  }

  get(hub: string): HubInfo | undefined {
    return this.#hubs.get(hub);
  }

  set(hub: string, info: HubInfo): void {
    const bytes = info.partitionIds.reduce((sum, id) => sum + partitionBytes + 2 * id.length, hubBytes);
    this.#hubs.set(hub, info, bytes);
  }

  forget(hub: string): void {
    this.#hubs.delete(hub);
  }
}
