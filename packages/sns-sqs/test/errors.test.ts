import { expect, it } from "vitest";
import { classify, EntryError } from "../src/errors.ts";

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

it("leaves alone what is not the SDK's", () => {
  for (const cause of [new Error("mine"), new TypeError("x"), "text", undefined, null, 7, {}]) {
    expect(classify(cause)).toBeUndefined();
  }
});
