import { MessagingError } from "@waybill/core/spi";
import type { Settings } from "../options.ts";
import type { GroupStore } from "./checkpoint-store.ts";

/** Opens the store that the options name; `undefined` where they name none. Does no I/O. */
export async function openStore(settings: Settings): Promise<GroupStore | undefined> {
  if (settings.checkpointStore !== undefined) return settings.checkpointStore;
  const { checkpoints } = settings;
  if (checkpoints === undefined) return undefined;
  const scheme = /^([a-z]+):/.exec(checkpoints)?.[1];
  switch (scheme) {
    case "memory":
      return (await import("./memory-checkpoint-store.ts")).memoryStore(checkpoints.slice("memory:".length));
    case "redis":
    case "rediss":
      return (await import("./redis-checkpoint-store.ts")).RedisStore.open(checkpoints);
    case "http":
    case "https":
      return (await import("./blob-checkpoint-store.ts")).BlobStore.open(checkpoints, settings.credential);
    default:
      throw new MessagingError(
        "INVALID_ARGUMENT",
        "event-hubs does not know this kind of checkpoint store.",
        {
          remedy:
            "Option checkpoints takes https://<account>.blob.core.windows.net/<container>, redis://… or memory:.",
        },
      );
  }
}
