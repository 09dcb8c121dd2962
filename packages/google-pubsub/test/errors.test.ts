import { describe, expect, it } from "vitest";
import { classify } from "../src/errors.ts";

const grpc = (code: number, message: string) => Object.assign(new Error(message), { code });

describe("vendor errors", () => {
  it.each([
    [grpc(14, "14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED"), "UNREACHABLE"],
    [grpc(4, "4 DEADLINE_EXCEEDED: Deadline exceeded after 15.0s"), "TIMEOUT"],
    [grpc(8, "8 RESOURCE_EXHAUSTED: Quota exceeded for quota metric"), "OVERLOADED"],
    [grpc(8, "8 RESOURCE_EXHAUSTED: grpc: received message larger than max (9 vs. 4)"), "MESSAGE_TOO_LARGE"],
    [grpc(7, "7 PERMISSION_DENIED: User not authorized to perform this action."), "PERMISSION_DENIED"],
    [
      grpc(16, "16 UNAUTHENTICATED: Request had invalid authentication credentials."),
      "AUTHENTICATION_FAILED",
    ],
    [grpc(5, "5 NOT_FOUND: Resource not found (resource=jobs)."), "NOT_FOUND"],
    [grpc(5, "5 NOT_FOUND: Requested project not found or user does not have access to it"), "NOT_FOUND"],
    [grpc(9, "9 FAILED_PRECONDITION: Subscription is detached"), "BROKER_ERROR"],
    [grpc(3, "3 INVALID_ARGUMENT: The value for ordering_key is too long"), "INVALID_ARGUMENT"],
    [grpc(3, "3 INVALID_ARGUMENT: Request size is too large"), "MESSAGE_TOO_LARGE"],
    [
      grpc(14, "14 UNAVAILABLE: Getting metadata from plugin failed with error: invalid_grant"),
      "AUTHENTICATION_FAILED",
    ],
    [
      grpc(
        14,
        "14 UNAVAILABLE: Getting metadata from plugin failed with error: getaddrinfo ENOTFOUND oauth2",
      ),
      "UNREACHABLE",
    ],
    [
      grpc(
        2,
        "2 UNKNOWN: Getting metadata from plugin failed with error: Could not refresh access token: Request failed with status code 503",
      ),
      "UNREACHABLE",
    ],
    [new Error("Could not load the default credentials. Browse to https://…"), "AUTHENTICATION_FAILED"],
    [new Error("Unable to detect a Project Id in the current environment."), "AUTHENTICATION_FAILED"],
    [
      Object.assign(new Error("ENOENT: no such file or directory, open"), { code: "ENOENT" }),
      "AUTHENTICATION_FAILED",
    ],
    [Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" }), "UNREACHABLE"],
    [new Error("The client has already been closed."), "CONNECTION_LOST"],
  ])("%s", (cause, code) => {
    expect(classify(cause)?.code).toBe(code);
  });

  it("leaves alone what is not the vendor's", () => {
    expect(classify(new TypeError("x is undefined"))).toBe(undefined);
    expect(classify("text")).toBe(undefined);
  });
});
