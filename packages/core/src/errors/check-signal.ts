import { MessagingError } from "./messaging-error.ts";
import { readable } from "./readable.ts";

/** @throws MessagingError `INVALID_ARGUMENT` when it is given and is no AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  const isSignal = () => {
    const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
    return typeof aborted === "boolean" && typeof addEventListener === "function";
  };
  if (readable("`signal`", isSignal)) return;
  throw new MessagingError("INVALID_ARGUMENT", "`signal` takes an AbortSignal.", {
    remedy: "Pass the `signal` of an AbortController.",
  });
}
