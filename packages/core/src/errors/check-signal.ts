import { MessagingError } from "./messaging-error.ts";

/** @throws MessagingError `INVALID_ARGUMENT` when it is given and is no AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted === "boolean" && typeof addEventListener === "function") return;
  throw new MessagingError("INVALID_ARGUMENT", "`signal` takes an AbortSignal.", {
    remedy: "Pass the `signal` of an AbortController.",
  });
}
