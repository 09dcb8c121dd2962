import { MessagingError } from "@azure/event-hubs";
import { describe, expect, it } from "vitest";
import { AmqpError } from "../src/client/amqp-error.ts";
import { ManagementError } from "../src/client/management-api.ts";
import { classify, isMissing, isStolen, isTransient } from "../src/errors.ts";

const amqp = (condition: string, cause?: unknown) => new AmqpError(condition, "said the service", cause);
const system = (code: string) => Object.assign(new Error(code), { code });

/** As the service, its clients, storage and the network have been seen to say it. */
const recorded: readonly [what: string, error: unknown, code: string, retryable: boolean | undefined][] = [
  ["throttling", amqp("com.microsoft:server-busy"), "OVERLOADED", true],
  ["an expired token", amqp("amqp:unauthorized-access"), "AUTHENTICATION_FAILED", undefined],
  ["a lost ownership", amqp("amqp:link:stolen"), "CONNECTION_LOST", true],
  ["a message that is too large", amqp("amqp:link:message-size-exceeded"), "MESSAGE_TOO_LARGE", undefined],
  ["a hub that is not there", amqp("amqp:not-found"), "NOT_FOUND", undefined],
  ["a sixth reader", amqp("amqp:resource-limit-exceeded"), "BROKER_ERROR", true],
  ["an idle link", amqp("amqp:link:detach-forced"), "CONNECTION_LOST", undefined],
  ["a service that restarts", amqp("amqp:connection:forced"), "CONNECTION_LOST", undefined],
  ["an internal error", amqp("amqp:internal-error"), "BROKER_ERROR", true],
  ["a condition from the future", amqp("com.microsoft:brand-new"), "BROKER_ERROR", true],
  ["nobody there", amqp("waybill:disconnected", system("ECONNREFUSED")), "UNREACHABLE", undefined],
  ["no such host", amqp("waybill:disconnected", system("ENOTFOUND")), "UNREACHABLE", undefined],
  ["a reset", amqp("waybill:disconnected", system("ECONNRESET")), "CONNECTION_LOST", undefined],
  ["a bad certificate", amqp("waybill:disconnected", system("CERT_HAS_EXPIRED")), "UNREACHABLE", false],
  ["no answer", amqp("waybill:timeout"), "TIMEOUT", undefined],
  ["no right to manage", new ManagementError("PUT hub", 401, ""), "PERMISSION_DENIED", undefined],
  ["a busy management API", new ManagementError("PUT hub", 503, ""), "OVERLOADED", true],
  [
    "fetch without a server",
    new TypeError("fetch failed", { cause: system("ECONNREFUSED") }),
    "UNREACHABLE",
    undefined,
  ],
  [
    "no right to the blobs",
    { name: "RestError", statusCode: 403, message: "" },
    "PERMISSION_DENIED",
    undefined,
  ],
  [
    "no blob service",
    { name: "RestError", code: "REQUEST_SEND_ERROR", message: "" },
    "UNREACHABLE",
    undefined,
  ],
  ["a busy blob service", { name: "RestError", statusCode: 503, message: "" }, "OVERLOADED", true],
  [
    "no Azure sign-in",
    { name: "CredentialUnavailableError", message: "" },
    "AUTHENTICATION_FAILED",
    undefined,
  ],
  [
    "a wrong Redis password",
    { name: "ReplyError", message: "WRONGPASS no" },
    "AUTHENTICATION_FAILED",
    undefined,
  ],
  ["no Redis", { name: "MaxRetriesPerRequestError", message: "" }, "UNREACHABLE", undefined],
  ["the vendor client's throttling", vendor("ServerBusyError"), "OVERLOADED", true],
  ["the vendor client's lost ownership", vendor("ReceiverDisconnectedError"), "CONNECTION_LOST", true],
];

function vendor(code: string): MessagingError {
  return Object.assign(new MessagingError("said the client"), { code });
}

describe("errors", () => {
  it.each(recorded)("%s has its code", (_, error, code, retryable) => {
    const found = classify(error);
    expect(found?.code).toBe(code);
    expect(found?.retryable).toBe(retryable);
  });

  it("that are nobody's stay unknown", () => {
    expect(classify(new Error("mine"))).toBeUndefined();
    expect(classify(undefined)).toBeUndefined();
    expect(classify("text")).toBeUndefined();
  });

  it("say what to grant, and how to do without", () => {
    const { remedy } = classify(new ManagementError("PUT hub", 401, "")) ?? {};
    expect(remedy).toMatch(/Manage.*assume/);
  });

  it("are told apart by what can be done about them", () => {
    expect(isTransient(amqp("com.microsoft:server-busy"))).toBe(true);
    expect(isTransient(amqp("amqp:unauthorized-access"))).toBe(false);
    expect(isMissing(amqp("amqp:not-found"))).toBe(true);
    expect(isStolen(amqp("amqp:link:stolen"))).toBe(true);
    expect(isStolen(amqp("amqp:link:detach-forced"))).toBe(false);
  });
});
