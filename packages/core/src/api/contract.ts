import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { checkPortableName } from "../spi/naming.ts";
import { type Codec, json } from "./codec.ts";
import type { StandardSchema } from "./standard-schema.ts";

/** How the values of one direction look: a schema, a codec, or both. */
export interface Payload<In, Out> {
  readonly schema: StandardSchema<In, Out> | undefined;
  readonly codec: Codec<unknown>;
}

/** What publishers and subscribers of one topic agree on. Made by `topic()`. `Ordered` is true with a key. */
export interface TopicContract<In = unknown, Out = In, Ordered extends boolean = boolean>
  extends Payload<In, Out> {
  readonly kind: "topic";
  readonly name: string;
  readonly ordered: Ordered;
  readonly retained: boolean;
  readonly key: ((value: In) => string | undefined) | undefined;
}

/** What senders and consumers of one queue agree on. Made by `queue()`. `Ordered` is true with a key. */
export interface QueueContract<
  In = unknown,
  Out = In,
  ReplyIn = never,
  ReplyOut = ReplyIn,
  Ordered extends boolean = boolean,
> extends Payload<In, Out> {
  readonly kind: "queue";
  readonly name: string;
  readonly ordered: Ordered;
  readonly retained: false;
  readonly key: ((value: In) => string | undefined) | undefined;
  /** How replies look; only on a queue that is asked with `request`. */
  readonly reply: Payload<ReplyIn, ReplyOut> | undefined;
}

/** A topic of any type. */
// biome-ignore lint/suspicious/noExplicitAny: stands for contracts of every type
export type AnyTopic = TopicContract<any, any>;
/** A queue of any type, with or without a reply. */
// biome-ignore lint/suspicious/noExplicitAny: stands for contracts of every type
export type AnyQueue = QueueContract<any, any, any, any>;
/** A payload of any type. */
// biome-ignore lint/suspicious/noExplicitAny: stands for payloads of every type
export type AnyPayload = Payload<any, any>;
/** What `topic()` or `queue()` made. */
export type Contract = AnyTopic | AnyQueue;

/** How the values of one direction are checked and encoded. */
export interface PayloadOptions<In, Out> {
  /** Any Standard Schema. Checked on publish and again on receive. What travels is the value as published. */
  readonly schema?: StandardSchema<In, Out> | undefined;
  /** Default: `json`. */
  // biome-ignore lint/suspicious/noExplicitAny: the codec's own type is checked by its encode
  readonly codec?: Codec<any> | undefined;
}

/** Whether messages keep an order, and by what. */
export interface OrderOptions<In> {
  /**
   * The ordering key of a message: messages with the same key are handled one at a
   * time, in order, within a group. `undefined` for a message without one.
   * Giving this makes the contract ordered, for which some brokers use other
   * facilities (a FIFO queue, a single active consumer).
   */
  readonly key?: ((value: In) => string | undefined) | undefined;
}

/** With an ordering key for sure. */
export interface KeyOptions<In> {
  readonly key: NonNullable<OrderOptions<In>["key"]>;
}

/** What `topic()` takes: schema, codec, ordering key, and whether messages are kept. */
export interface TopicOptions<In, Out> extends PayloadOptions<In, Out>, OrderOptions<In> {
  /**
   * Keep messages after they were consumed, for replay and for groups that come
   * late. A log keeps them anyway; others keep a copy (see the adapter's page).
   * Default false.
   */
  readonly retained?: boolean | undefined;
}

/** What `queue()` takes: schema, codec, ordering key, and how replies look. */
export interface QueueOptions<In, Out, ReplyIn, ReplyOut> extends PayloadOptions<In, Out>, OrderOptions<In> {
  /** Makes the queue one that answers: `request` awaits a reply of this form, `respond` gives it. */
  readonly reply?: PayloadOptions<ReplyIn, ReplyOut> | undefined;
}

/**
 * Describes a topic: every group subscribed to it gets every message.
 * @throws MessagingError `INVALID_NAME`, `UNKNOWN_OPTION`, `INVALID_ARGUMENT`
 */
export function topic<In = unknown, Out = In>(
  name: string,
  options: TopicOptions<In, Out> & KeyOptions<In>,
): TopicContract<In, Out, true>;
export function topic<In = unknown, Out = In>(
  name: string,
  options?: TopicOptions<In, Out>,
): TopicContract<In, Out>;
export function topic<In, Out>(name: string, given: TopicOptions<In, Out> = {}): TopicContract<In, Out> {
  checkPortableName(name, "topic");
  const options = copyOptions("topic()", given, ["schema", "codec", "key", "retained"]);
  checkTypes("topic()", options);
  return Object.freeze({
    kind: "topic",
    name,
    ordered: options.key !== undefined,
    retained: options.retained ?? false,
    key: options.key,
    ...payload("topic()", options),
  });
}

/**
 * Describes a queue: each message is handled by one consumer.
 * @throws MessagingError `INVALID_NAME`, `UNKNOWN_OPTION`, `INVALID_ARGUMENT`
 */
export function queue<In = unknown, Out = In, ReplyIn = unknown, ReplyOut = ReplyIn>(
  name: string,
  options: QueueOptions<In, Out, ReplyIn, ReplyOut> &
    KeyOptions<In> & { readonly reply: PayloadOptions<ReplyIn, ReplyOut> },
): QueueContract<In, Out, ReplyIn, ReplyOut, true>;
export function queue<In = unknown, Out = In, ReplyIn = unknown, ReplyOut = ReplyIn>(
  name: string,
  options: QueueOptions<In, Out, ReplyIn, ReplyOut> & { readonly reply: PayloadOptions<ReplyIn, ReplyOut> },
): QueueContract<In, Out, ReplyIn, ReplyOut>;
export function queue<In = unknown, Out = In>(
  name: string,
  options: QueueOptions<In, Out, never, never> & KeyOptions<In> & { readonly reply?: undefined },
): QueueContract<In, Out, never, never, true>;
export function queue<In = unknown, Out = In>(
  name: string,
  options?: QueueOptions<In, Out, never, never> & { readonly reply?: undefined },
): QueueContract<In, Out>;
export function queue<In, Out, ReplyIn, ReplyOut>(
  name: string,
  given: QueueOptions<In, Out, ReplyIn, ReplyOut> = {},
): QueueContract<In, Out, ReplyIn, ReplyOut> {
  checkPortableName(name, "queue");
  const options = copyOptions("queue()", given, ["schema", "codec", "key", "reply"]);
  const reply =
    options.reply === undefined
      ? undefined
      : copyOptions("queue() reply", options.reply, ["schema", "codec"]);
  checkTypes("queue()", options);
  return Object.freeze({
    kind: "queue",
    name,
    ordered: options.key !== undefined,
    retained: false,
    key: options.key,
    reply: reply && payload("queue() reply", reply),
    ...payload("queue()", options),
  });
}

function payload<In, Out>(owner: string, options: PayloadOptions<In, Out>): Payload<In, Out> {
  const { schema, codec = json } = options;
  const isStandard = () => typeof schema?.["~standard"]?.validate === "function";
  if (schema !== undefined && !readable(`The schema given to ${owner}`, isStandard)) {
    throw new MessagingError("INVALID_ARGUMENT", `The schema given to ${owner} is not a Standard Schema.`, {
      remedy: "Pass a schema of a library that implements it, such as Zod, Valibot or ArkType.",
    });
  }
  const isCodec = () =>
    typeof codec?.encode === "function" &&
    typeof codec.decode === "function" &&
    typeof codec.contentType === "string";
  if (!readable(`The codec given to ${owner}`, isCodec)) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The codec given to ${owner} lacks contentType, encode or decode.`,
      {
        remedy: "Pass json, text, bytes, or an object with all three.",
      },
    );
  }
  return { schema, codec };
}

function checkTypes(owner: string, options: { readonly key?: unknown; readonly retained?: unknown }): void {
  const { key, retained } = options;
  if (key !== undefined && typeof key !== "function")
    throw invalidArgument(`key\` of \`${owner}`, "a function", key);
  if (retained !== undefined && typeof retained !== "boolean")
    throw invalidArgument(`retained\` of \`${owner}`, "true or false", retained);
}
