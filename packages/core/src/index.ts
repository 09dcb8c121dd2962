export type { Client, Health } from "./api/client.ts";
export { bytes, type Codec, json, text } from "./api/codec.ts";
export type {
  BlockedOrDiscarded,
  ConsumeOptions,
  GiveTheContractAKey,
  OptionsByOrder,
  OrderedConsumeOptions,
} from "./api/consume-options.ts";
export {
  type AnyPayload,
  type AnyQueue,
  type AnyTopic,
  type Contract,
  type KeyOptions,
  type OrderOptions,
  type Payload,
  type PayloadOptions,
  type QueueContract,
  type QueueOptions,
  queue,
  type TopicContract,
  type TopicOptions,
  topic,
} from "./api/contract.ts";
export type { Delivery, Handler, SettleResult } from "./api/delivery.ts";
export type { AfterDeadLetter, Backoff, DeadLetterPolicy, RetryPolicy } from "./api/failure-policy.ts";
export type { Gated, Has, HasFeatures } from "./api/gated.ts";
export type {
  HandleMiddleware,
  HandlerContext,
  OutgoingMessage,
  PublishMiddleware,
} from "./api/middleware.ts";
export type { Observer } from "./api/observer.ts";
export type { ClientMiddleware, ClientOptions, ConnectConfig } from "./api/options.ts";
export { PostponedError } from "./api/postponed-error.ts";
export type {
  DelayByOrder,
  DelayWithoutAKey,
  MessageOptions,
  PublishBatchOptions,
  Publisher,
  PublishOptions,
  Receipt,
} from "./api/publisher.ts";
export type { Queue, QueueConsumer, QueueSender } from "./api/queue.ts";
export type { ConsumerRef, DeadLetterInfo, RedriveOptions, RedriveReport } from "./api/redrive.ts";
export type { Logger } from "./api/reporting.ts";
export type {
  Askable,
  GiveTheContractAReply,
  RequestDelivery,
  Requester,
  RequestOptions,
  Responder,
} from "./api/request-reply.ts";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./api/standard-schema.ts";
export type {
  BroadcastOptions,
  DeliveryIterator,
  FilterOptions,
  GroupOptions,
  Start,
  SubscribeOptions,
  Subscriber,
} from "./api/subscriber.ts";
export type { CloseOptions, Subscription, SubscriptionState } from "./api/subscription.ts";
export type { TopologyClient, TopologyReport, TopologySubject } from "./api/topology.ts";
export { connect } from "./client/connect.ts";
export { adapterPackageOf } from "./client/load-adapter.ts";
export { type ErrorCode, errorCodes } from "./errors/codes.ts";
export {
  MessagingError,
  type MessagingErrorData,
  type MessagingErrorOptions,
  NonRetryableError,
  PartialFailureError,
  type PublishFailure,
  UnsupportedError,
} from "./errors/messaging-error.ts";
export { ReplyError } from "./errors/reply-error.ts";
export { type CircuitBreakerOptions, circuitBreaker } from "./policies/circuit-breaker.ts";
export { deadLetterDetails, deadLetterOf } from "./policies/dead-letter.ts";
export {
  type DeduplicateOptions,
  type DeduplicationStore,
  deduplicate,
  memoryDeduplicationStore,
} from "./policies/deduplicate.ts";
export { timeout } from "./policies/timeout.ts";
export { type Clock, systemClock } from "./runtime/clock.ts";
export type { Adapter } from "./spi/adapter.ts";
export type { Filter, HeaderCondition } from "./spi/address.ts";
export type { Capabilities, Feature, Features, FeaturesOf } from "./spi/capabilities.ts";
export type { Driver } from "./spi/driver.ts";
export type { Headers } from "./spi/message.ts";
