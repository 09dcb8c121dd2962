import type { Delivery } from "../api/delivery.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";

/** Remembers which messages were handled. Shared by all members of a group, or each of them only knows its own. */
export interface DeduplicationStore {
  has(key: string): Promise<boolean> | boolean;
  add(key: string): Promise<void> | void;
}

export interface DeduplicateOptions {
  readonly store: DeduplicationStore;
  /** What makes two deliveries the same. Default: source, group and message id. */
  readonly key?: (delivery: Delivery) => string;
}

/**
 * Skips what was handled before. A message is remembered only after its handler
 * succeeded, so a crash in between means twice, never not at all. The window is
 * the store's.
 */
export function deduplicate(options: DeduplicateOptions): HandleMiddleware {
  checkOptionNames("deduplicate", options, ["store", "key"]);
  const { store, key = (delivery) => `${delivery.source}|${delivery.group ?? ""}|${delivery.id}` } = options;
  return async (delivery, next) => {
    const name = key(delivery);
    if (await store.has(name)) return;
    await next();
    // What the handler put off or gave up comes again, or may be redriven: it is not done.
    if (delivery.settlement === "retry" || delivery.settlement === "reject") return;
    await store.add(name);
  };
}

/** A store in this process that remembers the last `most` messages. For one member, or for tests. */
export function memoryDeduplicationStore(most = 10_000): DeduplicationStore {
  const names = new Set<string>();
  return {
    has: (name) => names.has(name),
    add(name) {
      names.add(name);
      if (names.size <= most) return;
      for (const oldest of names) {
        names.delete(oldest);
        break;
      }
    },
  };
}
