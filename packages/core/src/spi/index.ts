/** What an adapter implements, and the pieces it may build on. Applications import `@waybill/core` instead. */
export { unknownOption } from "../errors/check-option-names.ts";
export type { ErrorCode } from "../errors/codes.ts";
export {
  MessagingError,
  type MessagingErrorData,
  type MessagingErrorOptions,
  UnsupportedError,
} from "../errors/messaging-error.ts";
export { shownText } from "../errors/shown.ts";
export { BoundedMap } from "../runtime/bounded-map.ts";
export { type Clock, systemClock } from "../runtime/clock.ts";
export { type EventLoopTurns, eventLoopTurns } from "../runtime/event-loop-turns.ts";
export { within } from "../runtime/within.ts";
export type { Adapter } from "./adapter.ts";
export type { Address, Filter, HeaderCondition, Source, StartPosition } from "./address.ts";
export type { Call } from "./call.ts";
export {
  allFeatures,
  type Capabilities,
  type DelaySupport,
  type Feature,
  type Features,
  type FeaturesOf,
  type HandBackSupport,
  type HeaderRules,
  type ReplaySupport,
  type Support,
} from "./capabilities.ts";
export { deadLetterHeaders } from "./dead-letter-headers.ts";
export {
  DelayForwarder,
  type DelayForwarderOptions,
  type DelayTierSource,
} from "./delay-forwarder.ts";
export { delayTierFor, delayTierHoldsMs, leavesDelayTierAt } from "./delay-tiers.ts";
export {
  type Classification,
  type CloseConsumerOptions,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  type DelayedHandBack,
  type Driver,
  nothingStarted,
} from "./driver.ts";
export {
  type DelayedMessage,
  type DelayStore,
  DueMessageRouter,
  type DueMessageRouterOptions,
  type LeavingMessage,
  type WaitingMessage,
} from "./due-message-router.ts";
export { durationIn, durationText } from "./duration-text.ts";
export { errorChain } from "./error-chain.ts";
export { ExponentialBackoff, type ExponentialBackoffOptions } from "./exponential-backoff.ts";
export { HandBackNotes } from "./hand-back-notes.ts";
export {
  type Headers,
  metadataHeaders,
  type ReceivedMessage,
  reservedHeaderPrefix,
  type WireMessage,
} from "./message.ts";
export { checkPortableName, derivedSeparator, type NamingRule } from "./naming.ts";
export { OpenConsumers } from "./open-consumers.ts";
export {
  checkGivenOnce,
  type Option,
  type OptionInput,
  type OptionSources,
  type OptionTable,
  type OptionValues,
  option,
  percentDecoded,
  readOptions,
  urlText,
} from "./options.ts";
export { type OutstandingMessage, OutstandingMessages } from "./outstanding-messages.ts";
export { type BufferedItem, PartitionBuffer } from "./partition-buffer.ts";
export { PartitionBuffers, type PartitionBuffersOptions } from "./partition-buffers.ts";
export { PrefetchEstimate } from "./prefetch-estimate.ts";
export { PushQueue, type PushQueueOptions } from "./push-queue.ts";
export { ReportThrottle } from "./report-throttle.ts";
export { isTransientAs, type RetryTransientOptions, retryTransient } from "./retry-transient.ts";
export { type PublishOutcome, type Settlement, type SettleOutcome, stored } from "./settlement.ts";
export { SharedDelayForwarder, type SharedDelayForwarderOptions } from "./shared-delay-forwarder.ts";
export type { Topology, TopologyItem, TopologyState } from "./topology.ts";
export { givenUp, unlessGivenUp } from "./unless-given-up.ts";
export { wireSize } from "./wire-size.ts";
