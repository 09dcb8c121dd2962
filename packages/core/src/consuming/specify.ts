import { bytes } from "../api/codec.ts";
import type { ConsumeOptions, OrderedConsumeOptions } from "../api/consume-options.ts";
import type { AnyPayload, AnyQueue, AnyTopic } from "../api/contract.ts";
import type { Handler } from "../api/delivery.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import type { SubscribeOptions } from "../api/subscriber.ts";
import type { Names } from "../connection/names.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { deadLetterOf } from "../policies/dead-letter.ts";
import { unread } from "../publishing/decode.ts";
import type { Address, StartPosition } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import { decideAfterDeadLetter } from "./after-dead-letter.ts";
import type { Attempt } from "./attempt.ts";
import { checkFilter } from "./filter.ts";
import { decideSettings } from "./settings.ts";
import { startPosition } from "./start-position.ts";
import type { SubscriptionSpec } from "./subscription-spec.ts";

export interface SpecifyContext {
  readonly driver: Driver;
  readonly names: Names;
  /** The client's own, outside those of a subscription. */
  readonly middleware: readonly HandleMiddleware[];
}

/** Bodies as they are: middleware may see them, so each is a copy. */
const asBytes: AnyPayload = { schema: undefined, codec: bytes };
const latest: StartPosition = { from: "latest" };
const consumeOptions = [
  "concurrency",
  "prefetch",
  "prefetchBytes",
  "retry",
  "deadLetter",
  "use",
  "maxLeaseMs",
  "signal",
];

/**
 * A subscription to a topic, from what the application asked for.
 * @throws MessagingError `INVALID_ARGUMENT`, `UNKNOWN_OPTION`, `UNSUPPORTED`
 */
export function specifyTopic(...given: Parameters<typeof topicSpec>): SubscriptionSpec {
  return readable("The arguments of subscribe", () => topicSpec(...given));
}

/** A consumer of a queue; `payload` where its bodies are not to be read as the contract says. */
export function specifyQueue(...given: Parameters<typeof queueSpec>): SubscriptionSpec {
  return readable("The arguments of consume", () => queueSpec(...given));
}

function topicSpec(
  context: SpecifyContext,
  from: AnyTopic,
  options: SubscribeOptions & OrderedConsumeOptions,
  handler: Handler<unknown>,
): SubscriptionSpec {
  const { driver, names } = context;
  checkOptionNames("subscribe", options, [
    "group",
    "broadcast",
    "start",
    "filter",
    "afterDeadLetter",
    ...consumeOptions,
  ]);
  const { group, broadcast, filter } = options;
  if ((group === undefined) === (broadcast === undefined)) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `A subscription to "${from.name}" names a group or is a broadcast.`,
      {
        remedy: 'Give `group: "…"`, or `broadcast: true`.',
      },
    );
  }
  if (broadcast !== undefined && broadcast !== true) throw invalidArgument("broadcast", "true", broadcast);
  if (filter !== undefined) checkFilter(filter, driver);
  if (group === undefined)
    requireFeature(driver, "broadcast", "`broadcast`", "Subscribe with a group of your own.");
  const address = group === undefined ? names.destination(from) : names.group(from, group);
  const failed = deadLetter(context, options, () =>
    group === undefined ? undefined : names.destination(deadLetterOf({ topic: from, group })),
  );
  return {
    ...common(context, options, handler),
    address,
    start: startPosition(options.start, from, group === undefined ? "replay" : "groupStart", driver),
    filter,
    payload: from,
    deadLetter: failed,
    afterDeadLetter: decideAfterDeadLetter(options.afterDeadLetter, address, failed, driver),
  };
}

function queueSpec(
  context: SpecifyContext,
  from: AnyQueue,
  options: ConsumeOptions & OrderedConsumeOptions,
  handler: Handler<unknown>,
): SubscriptionSpec {
  checkOptionNames("consume", options, ["afterDeadLetter", ...consumeOptions]);
  const spec = ofQueue(context, from, options, handler);
  const { address, deadLetter } = spec;
  const afterDeadLetter = decideAfterDeadLetter(options.afterDeadLetter, address, deadLetter, context.driver);
  return { ...spec, afterDeadLetter };
}

/** A consumer of a queue that gets bodies as they are: a responder's, or a redrive's. */
export function specifyBytes(
  context: SpecifyContext,
  from: AnyQueue,
  options: ConsumeOptions,
  handler: Handler<unknown>,
): SubscriptionSpec {
  checkOptionNames("consume", options, consumeOptions);
  return { ...ofQueue(context, from, options, handler), payload: asBytes };
}

function ofQueue(
  context: SpecifyContext,
  from: AnyQueue,
  options: ConsumeOptions,
  handler: Handler<unknown>,
): SubscriptionSpec {
  const { names } = context;
  return {
    ...common(context, options, handler),
    address: names.destination(from),
    start: latest,
    filter: undefined,
    payload: from,
    deadLetter: deadLetter(context, options, () => names.destination(deadLetterOf({ queue: from }))),
    afterDeadLetter: "continue",
  };
}

/** A client's reply path. */
export function specifyInbox(
  context: SpecifyContext,
  name: string,
  onReply: (attempt: Attempt) => void,
): SubscriptionSpec {
  const { driver, names } = context;
  return {
    address: names.inbox(name),
    start: latest,
    filter: undefined,
    payload: unread,
    settings: decideSettings({ concurrency: 1_000, prefetch: 1_000 }, driver),
    deadLetter: undefined,
    afterDeadLetter: "continue",
    middleware: [],
    settles: false,
    handler: (_value, attempt) => onReply(attempt),
    signal: undefined,
    demand: undefined,
  };
}

function common(context: SpecifyContext, options: ConsumeOptions, handler: Handler<unknown>) {
  return {
    settings: decideSettings(options, context.driver),
    middleware: [...context.middleware, ...(options.use ?? [])],
    settles: true,
    handler,
    signal: options.signal,
    demand: undefined,
  };
}

function deadLetter(
  context: SpecifyContext,
  options: ConsumeOptions,
  byDefault: () => Address | undefined,
): Address | undefined {
  if (options.deadLetter === "discard") return undefined;
  return options.deadLetter === undefined ? byDefault() : context.names.destination(options.deadLetter);
}
