import { type Classification, MessagingError } from "@waybill/core/spi";

/** How RabbitMQ names its reply codes: the AMQP 0-9-1 reference and its own errata. */
const replyCodes: Readonly<Record<number, Classification>> = {
  311: { code: "MESSAGE_TOO_LARGE" },
  320: { code: "CONNECTION_LOST", remedy: "The broker closed the connection, as it does when it stops." },
  402: { code: "INVALID_ARGUMENT" },
  403: { code: "PERMISSION_DENIED", remedy: "Grant the user permission on it, on this virtual host." },
  404: { code: "NOT_FOUND", remedy: "Create it first, or let Waybill make what is missing." },
  405: { code: "BROKER_ERROR", retryable: true, remedy: "Another connection holds it exclusively." },
  501: { code: "CONNECTION_LOST" },
  502: { code: "BROKER_ERROR" },
  503: { code: "BROKER_ERROR" },
  504: { code: "CONNECTION_LOST" },
  505: { code: "CONNECTION_LOST" },
  506: { code: "OVERLOADED", remedy: "The broker is short of a resource; see its log." },
  530: { code: "PERMISSION_DENIED", remedy: "Check that the virtual host exists and the user may use it." },
  540: { code: "BROKER_ERROR" },
  541: { code: "BROKER_ERROR", retryable: true, remedy: "The broker failed inside; see its log." },
};

const unreachable = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EHOSTDOWN",
  "EADDRNOTAVAIL",
]);
/** RabbitMQ also says 404 of a queue that it knows and cannot reach (`rabbit_amqqueue:priv_absent/4`). */
const unreachableQueue =
  /is down or inaccessible|is stopped by supervisor|has crashed and failed to restart|due to timeout/;
const lost = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED", "ETIMEDOUT", "ERR_STREAM_DESTROYED"]);

/** What amqplib says in words only, as of 2.3 (its `lib/connection.js`, `lib/channel.js`). */
const phrases: readonly (readonly [RegExp, Classification])[] = [
  [
    /^Handshake terminated by server: 403/,
    { code: "AUTHENTICATION_FAILED", remedy: "Check user, password and virtual host." },
  ],
  [
    /^SASL mechanism \w+ is not provided/,
    {
      code: "AUTHENTICATION_FAILED",
      remedy: "Choose another `mechanism`, or enable this one on the broker.",
    },
  ],
  [
    /^Expected ConnectionOpenOk; got <ConnectionClose/,
    {
      code: "PERMISSION_DENIED",
      remedy: "Check that the virtual host exists and that the user may use it.",
    },
  ],
  // Any other reason to end the handshake passes, as that the broker is about to start or to stop.
  [/^(Handshake terminated by server|Socket closed abruptly during opening)/, { code: "UNREACHABLE" }],
  [
    /^(Frame size \d+ exceeds|Invalid frame|Unknown frame type)/,
    { code: "UNREACHABLE", remedy: "Check that RabbitMQ listens there, and not something else." },
  ],
  [/^connect ETIMEDOUT/, { code: "UNREACHABLE" }],
  [/^(Channel closed|Channel closing|Connection closed|Connection closing)/, { code: "CONNECTION_LOST" }],
  [/^(channel closed|Channel ended|Heartbeat timeout|Unexpected close)/, { code: "CONNECTION_LOST" }],
  [
    /^No channels left to allocate/,
    { code: "OVERLOADED", remedy: "Raise `channelMax`, or consume less on one client." },
  ],
];

/** What a cause from amqplib, its socket or TLS means. */
export function classify(cause: unknown): Classification | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { code } = cause as { code?: unknown };
  const { message } = cause;
  if (typeof code === "number") {
    if (code === 406) return preconditionFailed(message);
    if (code === 404 && unreachableQueue.test(message)) {
      return { code: "UNREACHABLE", remedy: "The queue is there, but not the node it lives on." };
    }
    return replyCodes[code];
  }
  if (typeof code === "string") {
    if (unreachable.has(code)) return { code: "UNREACHABLE" };
    if (lost.has(code)) return { code: "CONNECTION_LOST" };
    if (/^(ERR_(TLS|SSL)|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$)/.test(code)) {
      return {
        code: "UNREACHABLE",
        retryable: false,
        remedy: "Check that this port speaks TLS, and the options for it.",
      };
    }
    if (code === "ENOENT" || code === "EACCES") {
      return { code: "INVALID_ARGUMENT", remedy: "Check the paths of the TLS files." };
    }
  }
  return phrases.find(([pattern]) => pattern.test(message))?.[1];
}

function preconditionFailed(message: string): Classification {
  if (/message size \d+ .*larger than/.test(message)) {
    return {
      code: "MESSAGE_TOO_LARGE",
      remedy: "Set `maxMessageBytes` to the broker's `max_message_size`, so that it is refused earlier.",
    };
  }
  if (/delivery acknowledgement .*timed out/i.test(message)) {
    return {
      code: "LEASE_LOST",
      retryable: true,
      remedy: "A handler ran longer than the broker's consumer timeout: raise `consumerTimeoutMs`.",
    };
  }
  if (/inequivalent arg/.test(message)) return { code: "TOPOLOGY_MISMATCH" };
  return { code: "BROKER_ERROR" };
}

/** A channel that died, to a message that was not to blame: it may go out again. */
export function channelLost(cause: unknown): MessagingError {
  return new MessagingError("CONNECTION_LOST", "The channel closed before the broker had answered.", {
    remedy: "Send it again.",
    cause,
  });
}

/** A call on a consumer that is closed. */
export function consumerClosed(): MessagingError {
  return new MessagingError("CLOSED", "The consumer is closed.", { remedy: "Consume again." });
}

/** The broker ended a consumer by itself. */
export function cancelled(queue: string): MessagingError {
  const remedy = "Check that its queue exists and its node is up.";
  return new MessagingError("NOT_FOUND", `The broker ended the consumer of "${queue}".`, {
    remedy,
    retryable: true,
  });
}

export function hasReplyCode(cause: unknown, code: number): boolean {
  return cause instanceof Error && (cause as { code?: unknown }).code === code;
}

/** Whether the broker says that there is no such thing, and not only that it cannot be reached. */
export function isMissing(cause: unknown): boolean {
  return hasReplyCode(cause, 404) && classify(cause)?.code === "NOT_FOUND";
}

/** The exchange that RabbitMQ's words are about. */
export function exchangeIn(cause: unknown): string | undefined {
  return cause instanceof Error ? /exchange '([^']*)'/.exec(cause.message)?.[1] : undefined;
}

export function missingExchange(cause: unknown): string | undefined {
  return hasReplyCode(cause, 404) ? exchangeIn(cause) : undefined;
}
