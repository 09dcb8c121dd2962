import kafkajs from "kafkajs";
import { describe, expect, it } from "vitest";
import { protocolError } from "../src/client/kafkajs-internals.ts";
import { classify, errorType, isTransient, LeaderMovedError, UnsupportedFormatError } from "../src/errors.ts";

const closed = Object.assign(new Error("Closed connection"), { name: "KafkaJSConnectionClosedError" });
const named = (name: string) => Object.assign(new Error(name), { name });
const connection = (message: string, code?: string) =>
  new kafkajs.KafkaJSConnectionError(message, code === undefined ? {} : { code });
const retried = (cause: Error) =>
  new kafkajs.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 1, retryTime: 50 });

describe("kafkajs's errors", () => {
  it.each([
    [
      "connection refused",
      connection("Connection error: connect ECONNREFUSED", "ECONNREFUSED"),
      "UNREACHABLE",
      true,
    ],
    ["host unknown", connection("Connection error: getaddrinfo ENOTFOUND", "ENOTFOUND"), "UNREACHABLE", true],
    ["broker unreachable", connection("Connection timeout"), "UNREACHABLE", true],
    ["refused, tried again", retried(connection("x", "ECONNREFUSED")), "UNREACHABLE", true],
    ["wrong certificate", connection("x", "DEPTH_ZERO_SELF_SIGNED_CERT"), "UNREACHABLE", false],
    ["reset", connection("Connection error: read ECONNRESET", "ECONNRESET"), "CONNECTION_LOST", true],
    ["closed by the broker", closed, "CONNECTION_LOST", true],
    ["gone before use", connection("Not connected"), "CONNECTION_LOST", true],
    [
      "no answer",
      new kafkajs.KafkaJSRequestTimeoutError("Request Produce timed out", {} as never),
      "TIMEOUT",
      true,
    ],
    ["wrong password", named("KafkaJSSASLAuthenticationError"), "AUTHENTICATION_FAILED", false],
    ["SASL on a plain listener", protocolError(34), "AUTHENTICATION_FAILED", false],
    ["no such topic", protocolError(3), "NOT_FOUND", false],
    ["no such topic, wrapped", retried(protocolError(3) as Error), "NOT_FOUND", false],
    ["illegal topic", protocolError(17), "INVALID_NAME", false],
    ["too large", protocolError(10), "MESSAGE_TOO_LARGE", false],
    ["topic forbidden", protocolError(29), "PERMISSION_DENIED", false],
    ["group forbidden", protocolError(30), "PERMISSION_DENIED", false],
    ["leader moves", protocolError(6), "BROKER_ERROR", true],
    ["leader moves (ours)", new LeaderMovedError("t"), "BROKER_ERROR", true],
    ["too few replicas", protocolError(19), "BROKER_ERROR", true],
    ["broker too slow", protocolError(7), "TIMEOUT", true],
    ["policy", protocolError(44), "BROKER_ERROR", false],
    ["codec missing", Object.assign(new Error("x"), { name: "KafkaJSNotImplemented" }), "UNSUPPORTED", false],
    ["old format", new UnsupportedFormatError("x"), "UNSUPPORTED", false],
  ])("%s", (_, error, code, retryable) => {
    expect(classify(error)?.code).toBe(code);
    expect(isTransient(error)).toBe(retryable);
  });

  it("are told from everybody else's", () => {
    for (const other of [new Error("x"), new TypeError("x"), undefined, null, "text", { name: 5 }]) {
      expect(classify(other)).toBeUndefined();
      expect(isTransient(other)).toBe(false);
    }
  });

  it("of topics that are made carry their type in a list", () => {
    expect(errorType({ errors: [{ type: "TOPIC_ALREADY_EXISTS" }] })).toBe("TOPIC_ALREADY_EXISTS");
  });

  it("do not go round in circles", () => {
    const one: { cause?: unknown } = {};
    one.cause = one;
    expect(classify(one)).toBeUndefined();
  });
});
