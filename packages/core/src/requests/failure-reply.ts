import { errorText } from "../errors/error-text.ts";
import { replyHeaders } from "./reply-headers.ts";

const legalCode = /^[\w.:-]{1,100}$/;

/** The part of a reply that says why there is no value. Never throws, whatever was thrown. */
export function failureReply(error: unknown, isExposed: boolean): Readonly<Record<string, string>> {
  return {
    [replyHeaders.errorCode]: replyCodeOf(error),
    ...(isExposed ? { [replyHeaders.errorMessage]: errorText(error) } : {}),
  };
}

/** Whether an error says that its message may be shown to whoever asked. */
export function saysExpose(error: unknown): boolean {
  return read(error, "expose") === true;
}

/** An application's own errors may carry a `code`, which then travels with the reply. */
function replyCodeOf(error: unknown): string {
  const code = read(error, "code");
  return typeof code === "string" && legalCode.test(code) ? code : "HANDLER_FAILED";
}

function read(error: unknown, name: string): unknown {
  try {
    return typeof error === "object" && error !== null
      ? (error as Readonly<Record<string, unknown>>)[name]
      : undefined;
  } catch {
    return undefined;
  }
}
