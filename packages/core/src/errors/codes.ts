/**
 * Every error code there is. The table is closed: a code is added here and in
 * `docs/errors.md` together (a test compares the two), and a retired code is
 * never used again for something else.
 *
 * `retryable` is the default for the code: whether the same call may succeed
 * later without a change by the caller.
 */
export const errorCodes = {
  // Asking for something that cannot be: found before any I/O.
  INVALID_ARGUMENT: { retryable: false, title: "A value is not one that this call takes" },
  UNKNOWN_OPTION: { retryable: false, title: "An option or query parameter that does not exist" },
  UNKNOWN_SCHEME: { retryable: false, title: "No adapter is known for this URL scheme" },
  ADAPTER_MISSING: { retryable: false, title: "The adapter package is not installed" },
  UNSUPPORTED: { retryable: false, title: "This broker cannot do what was asked" },
  INVALID_NAME: { retryable: false, title: "A destination or group name the broker does not allow" },
  NAME_COLLISION: { retryable: false, title: "Two names would be one on the broker" },
  INVALID_HEADER: { retryable: false, title: "A header that cannot be carried" },
  SERIALIZATION_FAILED: { retryable: false, title: "The value cannot be encoded" },
  VALIDATION_FAILED: { retryable: false, title: "The value does not match its schema" },
  DECODE_FAILED: { retryable: false, title: "The body cannot be decoded" },
  MESSAGE_TOO_LARGE: { retryable: false, title: "The message is over the broker's limit" },

  // Reaching the broker.
  UNREACHABLE: { retryable: true, title: "Broker unreachable" },
  AUTHENTICATION_FAILED: { retryable: false, title: "The broker refused the credentials" },
  PERMISSION_DENIED: { retryable: false, title: "The credentials do not allow this" },
  CONNECTION_LOST: { retryable: true, title: "The connection to the broker was lost" },
  TIMEOUT: { retryable: true, title: "The broker did not answer in time" },
  OVERLOADED: { retryable: true, title: "More is waiting than the bound allows" },
  BROKER_ERROR: { retryable: false, title: "The broker refused for a reason of its own" },

  // Destinations.
  NOT_FOUND: { retryable: false, title: "The destination does not exist" },
  TOPOLOGY_MISMATCH: { retryable: false, title: "The topology differs from what was asked for" },

  // Publishing and handling.
  PARTIAL_FAILURE: { retryable: false, title: "Some messages of a batch were not stored" },
  HANDLER_FAILED: { retryable: true, title: "A handler threw" },
  HANDLER_TIMEOUT: { retryable: true, title: "A handler took longer than its limit" },
  POSTPONED: { retryable: true, title: "A handler put the message off without an attempt" },
  DEAD_LETTERED: { retryable: false, title: "A message was dead-lettered" },
  DROPPED: { retryable: false, title: "A message was dropped" },
  KEY_BLOCKED: { retryable: false, title: "An ordering key waits for a dead-lettered message" },
  EXPIRED: { retryable: false, title: "A message that had failed expired before its next attempt" },
  REJECTED: { retryable: false, title: "A handler rejected the message" },
  LEASE_LOST: { retryable: false, title: "Settled after the broker had taken the message back" },
  SUBSCRIPTION_FAILED: { retryable: false, title: "A subscription cannot go on" },

  // Request and reply.
  REQUEST_TIMEOUT: { retryable: true, title: "No reply came in time" },
  REMOTE_ERROR: { retryable: false, title: "The responder answered with an error" },

  // Lifecycle.
  ABORTED: { retryable: false, title: "The caller's abort signal fired" },
  DRAINING: { retryable: false, title: "Closing waits for what is still under way" },
  CLOSED: { retryable: false, title: "The client, subscription or iterator is closed" },
} as const satisfies Record<string, { retryable: boolean; title: string }>;

/** One of the codes of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes;
