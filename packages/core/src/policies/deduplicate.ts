import type { Delivery } from "../api/delivery.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { shown } from "../errors/shown.ts";
import { atOnce } from "../runtime/at-once.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import { afterReply } from "./reply-under-way.ts";

/**
 * Remembers which messages were handled. Shared by all members of a group, or each of them only
 * knows its own. A method that throws or rejects fails the message, which is then retried like
 * any other: a store that is away delays messages, and lets none through unchecked.
 */
export interface DeduplicationStore {
  has(key: string): Promise<boolean> | boolean;
  add(key: string): Promise<void> | void;
}

/** Where `deduplicate` remembers messages, and by what it knows them. */
export interface DeduplicateOptions {
  readonly store: DeduplicationStore;
  /**
   * What makes two deliveries the same: a non-empty string. Default: source, group and message
   * id; a message without an id is never taken for another.
   */
  readonly key?: ((delivery: Delivery) => string) | undefined;
}

/**
 * Skips what was handled before. A message is remembered only after its handler
 * succeeded, and a request only when its reply is on its way too, so a crash in between means
 * twice, never not at all. The window is the store's. Of two deliveries of one message at once, in one process, the second
 * waits for the first.
 * @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT`
 */
export function deduplicate(options: DeduplicateOptions): HandleMiddleware {
  const { store, key = defaultKey } = copyOptions("deduplicate", options, ["store", "key"]);
  const isStore = () => typeof store?.has === "function" && typeof store.add === "function";
  if (!readable("The `store` of deduplicate()", isStore)) {
    throw new MessagingError("INVALID_ARGUMENT", "The `store` of deduplicate() lacks `has` or `add`.", {
      remedy: "Pass memoryDeduplicationStore(), or an object with both.",
    });
  }
  if (typeof key !== "function") throw invalidArgument("key` of `deduplicate()", "a function", key);
  /** What is being handled now: as many as the subscriptions have handlers. */
  const underWay = new Map<string, Promise<unknown>>();

  /** Resolves with what is still to be waited for until the message is remembered. */
  const handleOnce = async (name: string, delivery: Delivery, next: () => Promise<void>) => {
    if (await store.has(name)) return {};
    await next();
    // What the handler put off or gave up comes again, or may be redriven: it is not done.
    if (delivery.settlement === "retry" || delivery.settlement === "reject") return {};
    // Nor is a request whose reply did not get away: whoever asks again would wait in vain.
    const { promise: remembered, resolve } = Promise.withResolvers<void>();
    const isRequest = afterReply(delivery, async (isOnItsWay) => {
      try {
        if (isOnItsWay) await store.add(name);
      } finally {
        resolve();
      }
    });
    if (isRequest) return { remembered };
    await store.add(name);
    return {};
  };

  return async (delivery, next) => {
    const name: unknown = atOnce(key(delivery));
    if (name === undefined && key === defaultKey) return next();
    if (typeof name !== "string" || name === "") {
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `The \`key\` of deduplicate() returned ${shown(name)}, not a non-empty string.`,
        { remedy: "Return a non-empty string, or leave `key` out." },
      );
    }
    for (let other = underWay.get(name); other !== undefined; other = underWay.get(name)) {
      await other;
      // A time-out around this, say, was over meanwhile.
      if (delivery.signal.aborted) throw delivery.signal.reason;
    }
    const handling = handleOnce(name, delivery, next);
    const release = () => underWay.delete(name);
    // Whoever waits looks for itself what became of it.
    const over = handling.then(({ remembered }) => remembered).then(release, release);
    underWay.set(name, over);
    await handling;
  };
}

function defaultKey({ source, group, id }: Delivery): string {
  return (id === "" ? undefined : `${source}|${group ?? ""}|${id}`) as string;
}

/** The most bytes that a store takes, whatever senders choose as ids. */
const mostBytes = 16 * 1024 * 1024;

/**
 * A store in this process that remembers the last `max` messages (default 10,000), or fewer where
 * they take more than 16 MiB: for each its name, two bytes a character, and 140 bytes. That is some
 * 70,000 of the usual ids, also where `max` is `Infinity`. For one member, or for tests. Its methods
 * throw `INVALID_ARGUMENT` for what is no string.
 * @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT`
 */
export function memoryDeduplicationStore(
  options: { readonly max?: number | undefined } = {},
): DeduplicationStore {
  const { max = 10_000 } = copyOptions("memoryDeduplicationStore", options, ["max"]);
  if (typeof max !== "number" || !(max >= 1)) {
    throw invalidArgument("max", "a number of at least 1", max);
  }
  const names = new BoundedMap<true>(mostBytes, max);
  return {
    has: (key) => names.has(checkedKey(key)),
    add: (key) => {
      if (!names.has(checkedKey(key))) names.set(key, true);
    },
  };
}

/** Also of a store that is called without types: what is no string would be remembered as nothing. */
function checkedKey(key: unknown): string {
  if (typeof key !== "string") throw invalidArgument("key", "a string", key);
  return key;
}
