import { expect, it } from "vitest";
import { classify, EntryError, saysLost } from "../src/errors.ts";

const named = (name: string, fields: object = {}) =>
  Object.assign(new Error(`${name} happened`), { name }, fields);

it.each([
  [named("QueueDoesNotExist", { $fault: "client" }), "NOT_FOUND"],
  [named("AWS.SimpleQueueService.NonExistentQueue", { $fault: "client" }), "NOT_FOUND"],
  [named("NotFoundException", { $fault: "client" }), "NOT_FOUND"],
  [named("ThrottledException", { $fault: "client" }), "OVERLOADED"],
  [named("OverLimit", { $fault: "client" }), "OVERLOADED"],
  [named("AuthorizationErrorException", { $fault: "client" }), "PERMISSION_DENIED"],
  [named("SignatureDoesNotMatch", { $fault: "client" }), "AUTHENTICATION_FAILED"],
  [named("CredentialsProviderError"), "AUTHENTICATION_FAILED"],
  [named("QueueNameExists", { $fault: "client" }), "TOPOLOGY_MISMATCH"],
  [named("ReceiptHandleIsInvalid", { $fault: "client" }), "LEASE_LOST"],
  [named("BatchRequestTooLong", { $fault: "client" }), "MESSAGE_TOO_LARGE"],
  [named("TimeoutError"), "TIMEOUT"],
  [named("AbortError"), "TIMEOUT"],
  [named("Error", { code: "ECONNREFUSED" }), "UNREACHABLE"],
  [named("Error", { code: "ECONNRESET" }), "CONNECTION_LOST"],
  [named("Error", { code: "CERT_HAS_EXPIRED" }), "UNREACHABLE"],
  [new Error("Region is missing"), "INVALID_ARGUMENT"],
  [
    Object.assign(
      new Error("One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes."),
      {
        name: "InvalidParameterValue",
        $fault: "client",
      },
    ),
    "MESSAGE_TOO_LARGE",
  ],
  [named("SomethingNew", { $fault: "client", $metadata: { httpStatusCode: 403 } }), "PERMISSION_DENIED"],
])("calls %s %s", (cause, code) => {
  expect(classify(cause)?.code).toBe(code);
});

it("tries again what is not the request's own fault", () => {
  expect(
    classify(named("SomethingNew", { $fault: "client", $metadata: { httpStatusCode: 400 } }))?.retryable,
  ).toBe(false);
  expect(
    classify(named("SomethingNew", { $fault: "server", $metadata: { httpStatusCode: 500 } }))?.retryable,
  ).toBe(true);
  expect(classify(new EntryError("SomethingNew", undefined, true))?.retryable).toBe(false);
  expect(classify(new EntryError("SomethingNew", undefined, false))?.retryable).toBe(true);
});

it.each([
  [
    "InvalidParameterValue",
    "Value AQEB for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
  ],
  [
    "InvalidParameterValue",
    "Value AQEB for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
  ],
  ["ReceiptHandleIsInvalid", "The input receipt handle is invalid."],
])("knows by %s that a lease is over: %s", (code, text) => {
  expect(saysLost(new EntryError(code, text, true))).toBe(true);
});

it("takes no other invalid parameter for a lost lease", () => {
  const text =
    "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds].";
  expect(saysLost(new EntryError("InvalidParameterValue", text, true))).toBe(false);
});

it("leaves alone what is not the SDK's", () => {
  for (const cause of [new Error("mine"), new TypeError("x"), "text", undefined, null, 7, {}]) {
    expect(classify(cause)).toBeUndefined();
  }
});
