import { expect, it } from "vitest";
import { classify, replyError } from "../src/errors.ts";

/** As Redis 6.2 to 8.0 and ioredis 6.0 say them. */
const recorded: readonly (readonly [message: string, code: string, retryable?: boolean])[] = [
  ["WRONGPASS invalid username-password pair or user is disabled.", "AUTHENTICATION_FAILED", false],
  ["NOAUTH Authentication required.", "AUTHENTICATION_FAILED", false],
  [
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    "AUTHENTICATION_FAILED",
    false,
  ],
  ["ERR invalid password", "AUTHENTICATION_FAILED"],
  ["NOPERM User worker has no permissions to run the 'xadd' command", "PERMISSION_DENIED", false],
  ["ERR ACL failure in script: User wb has no permissions to run the 'xadd' command", "PERMISSION_DENIED"],
  [
    "ERR Error running script (call to f_0d1): @user_script:5: @user_script: 5: -WRONGTYPE Operation against a key holding the wrong kind of value",
    "TOPOLOGY_MISMATCH",
  ],
  ["LOADING Redis is loading the dataset in memory", "UNREACHABLE"],
  ["READONLY You can't write against a read only replica.", "CONNECTION_LOST"],
  [
    "OOM command not allowed when used memory > 'maxmemory'. script: 0d1, on @user_script:5.",
    "OVERLOADED",
    true,
  ],
  [
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "OVERLOADED",
    true,
  ],
  ["ERR max number of clients reached", "OVERLOADED", true],
  ["NOGROUP No such key 'orders' or consumer group 'billing' in XREADGROUP with GROUP option", "NOT_FOUND"],
  ["ERR no such key", "NOT_FOUND"],
  ["WRONGTYPE Operation against a key holding the wrong kind of value", "TOPOLOGY_MISMATCH", false],
  ["CROSSSLOT Keys in request don't hash to the same slot", "BROKER_ERROR", false],
  ["MOVED 3999 127.0.0.1:6381", "BROKER_ERROR", false],
  ["CLUSTERDOWN The cluster is down", "UNREACHABLE"],
  [
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "BROKER_ERROR",
    true,
  ],
  ["ERR unknown command 'XAUTOCLAIM', with args beginning with: ", "BROKER_ERROR"],
  ["ERR something new", "BROKER_ERROR"],
];

it.each(recorded.map(([text, code, retryable]) => ({ text, code, retryable })))(
  "$text",
  ({ text, code, retryable }) => {
    const found = classify(replyError(text));
    expect(found?.code).toBe(code);
    if (retryable !== undefined) expect(found?.retryable).toBe(retryable);
  },
);

it.each([
  ["ECONNREFUSED", "UNREACHABLE"],
  ["ENOTFOUND", "UNREACHABLE"],
  ["ETIMEDOUT", "UNREACHABLE"],
  ["ECONNRESET", "CONNECTION_LOST"],
  ["EPIPE", "CONNECTION_LOST"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "UNREACHABLE"],
])("%s", (code, expected) => {
  expect(classify(Object.assign(new Error("whatever"), { code }))?.code).toBe(expected);
});

it.each([
  "Connection is closed.",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "Command aborted due to connection close",
  "Socket timeout. Expecting data, but didn't receive any in 3000ms.",
])("%s", (text) => {
  expect(classify(new Error(text))?.code).toBe("CONNECTION_LOST");
});

it("does not know what is not Redis'", () => {
  for (const cause of [
    undefined,
    null,
    "text",
    new TypeError("x is not a function"),
    { code: "ECONNRESET" },
  ]) {
    expect(classify(cause)).toBeUndefined();
  }
});
