export { connect } from "./client/connect.ts";
export { adapterPackageOf } from "./client/load-adapter.ts";
export type { Observer } from "./client/observer.ts";
export type { ClientOptions, ConnectConfig } from "./client/options.ts";
export type * from "./client/types.ts";
export { bytes, type Codec, json, text } from "./contract/codec.ts";
export {
  type AnyQueue,
  type AnyTopic,
  type Contract,
  type QueueContract,
  type QueueOptions,
  queue,
  type TopicContract,
  type TopicOptions,
  topic,
} from "./contract/contract.ts";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./contract/standard-schema.ts";
export { type ErrorCode, errorCodes } from "./errors/codes.ts";
export {
  MessagingError,
  type MessagingErrorOptions,
  NonRetryableError,
  PartialFailureError,
  type PublishFailure,
  UnsupportedError,
} from "./errors/messaging-error.ts";
export { type CircuitBreakerOptions, circuitBreaker } from "./policies/circuit-breaker.ts";
export { deadLetterDetails, deadLetterOf } from "./policies/dead-letter.ts";
export {
  type DeduplicateOptions,
  type DeduplicationStore,
  deduplicate,
  recentMessages,
} from "./policies/deduplicate.ts";
export type { Backoff, DeadLetterPolicy, RetryPolicy } from "./policies/failure-policy.ts";
export type { HandleMiddleware, OutgoingMessage, PublishMiddleware } from "./policies/middleware.ts";
export { timeout } from "./policies/timeout.ts";
export type { Adapter } from "./spi/adapter.ts";
export type { Filter, HeaderCondition } from "./spi/address.ts";
export type { Capabilities, Feature, Features, FeaturesOf } from "./spi/capabilities.ts";
export { type Clock, systemClock } from "./spi/clock.ts";
export type { Driver } from "./spi/driver.ts";
export type { Headers } from "./spi/message.ts";
