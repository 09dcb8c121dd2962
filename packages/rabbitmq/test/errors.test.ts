import { expect, it } from "vitest";
import { classify } from "../src/errors.ts";

const error = (message: string, code?: unknown) =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

/** Recorded from RabbitMQ 4.0.5 with amqplib 2.3.1. */
const recorded: readonly (readonly [Error, string, boolean?])[] = [
  [
    error(
      'Handshake terminated by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."',
    ),
    "AUTHENTICATION_FAILED",
  ],
  [error("Expected ConnectionOpenOk; got <ConnectionClose channel:0>"), "PERMISSION_DENIED"],
  [error("connect ECONNREFUSED 127.0.0.1:1", "ECONNREFUSED"), "UNREACHABLE"],
  [error("getaddrinfo ENOTFOUND nohost.invalid", "ENOTFOUND"), "UNREACHABLE"],
  [
    error("SSL routines:tls_validate_record_header:wrong version number", "ERR_SSL_WRONG_VERSION_NUMBER"),
    "UNREACHABLE",
    false,
  ],
  [error("read ECONNRESET", "ECONNRESET"), "CONNECTION_LOST"],
  [error("channel closed"), "CONNECTION_LOST"],
  [error("Heartbeat timeout"), "CONNECTION_LOST"],
  [error("Connection closed: 320 (CONNECTION-FORCED)", 320), "CONNECTION_LOST"],
  [error("No channels left to allocate"), "OVERLOADED"],
  [
    error(
      `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - no queue 'q' in vhost '/'"`,
      404,
    ),
    "NOT_FOUND",
  ],
  [
    error(
      `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible"`,
      404,
    ),
    "UNREACHABLE",
  ],
  [
    error(
      `Channel closed by server: 403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - access to queue 'q'"`,
      403,
    ),
    "PERMISSION_DENIED",
  ],
  [
    error(
      'Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - message size 17825792 is larger than configured max size 16777216"',
      406,
    ),
    "MESSAGE_TOO_LARGE",
  ],
  [
    error(
      'Channel closed by server: 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 60000 ms."',
      406,
    ),
    "LEASE_LOST",
    true,
  ],
  [error("… inequivalent arg 'durable' for queue 'q'", 406), "TOPOLOGY_MISMATCH"],
];

it.each(recorded)("%s", (cause, code, retryable) => {
  expect(classify(cause)).toMatchObject(retryable === undefined ? { code } : { code, retryable });
});

it("leaves alone what is not amqplib's", () => {
  expect(classify(new Error("the application's own"))).toBeUndefined();
  expect(classify("text")).toBeUndefined();
});
