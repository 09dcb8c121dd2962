import { NonRetryableError } from "@waybill/core";
import type { Thrown } from "./program.ts";

/** What a handler throws. */
export function oddError(what: Thrown): unknown {
  switch (what) {
    case "error":
      return new Error("the handler failed");
    case "not retryable":
      return new NonRetryableError("never again");
    case "undefined":
      return undefined;
    case "null prototype":
      return Object.create(null);
    case "getter that throws":
      return Object.defineProperty(new Error(), "message", {
        get() {
          throw new Error("hostile");
        },
      });
    case "message that is no string":
      return Object.assign(new Error(), { message: { toString: null } });
    case "symbol":
      return Symbol("thrown");
    case "hostile thenable":
      return {
        // biome-ignore lint/suspicious/noThenProperty: this is what it is about
        get then() {
          throw new Error("hostile");
        },
      };
  }
}
