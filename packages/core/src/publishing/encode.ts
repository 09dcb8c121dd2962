import type { AnyPayload } from "../api/contract.ts";
import type { SchemaIssue, SchemaResult } from "../api/standard-schema.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { utf8Length } from "../runtime/utf8-length.ts";
import type { Capabilities } from "../spi/capabilities.ts";
import { metadataHeaders, reservedHeaderPrefix, type WireMessage } from "../spi/message.ts";
import { headerBytes, wireSize } from "./wire-size.ts";

/** Encodes a value that has passed its schema. */
export function encodeBody(payload: AnyPayload, value: unknown, destination: string): Uint8Array {
  try {
    const body: unknown = payload.codec.encode(value);
    if (body instanceof Uint8Array) return body;
    throw new TypeError("the codec made no Uint8Array of it");
  } catch (cause) {
    throw new MessagingError(
      "SERIALIZATION_FAILED",
      `The value for "${destination}" cannot be encoded as ${payload.codec.contentType}: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { remedy: "Publish what the codec can hold, or give the contract another codec.", cause },
    );
  }
}

/** The error for a value that its schema refuses. Names paths and rules, never values. */
function validationError(destination: string, issues: readonly SchemaIssue[]): MessagingError {
  const shown = issues.slice(0, 5).map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === "object" ? part.key : part))
      .join(".");
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "";
  return new MessagingError(
    "VALIDATION_FAILED",
    `The value for "${destination}" does not match its schema: ${shown.join("; ")}${more}.`,
    { details: { issues: shown } },
  );
}

/** What came out of a schema. */
export interface Validated {
  // biome-ignore lint/suspicious/noExplicitAny: its type is the contract's, which the caller knows
  readonly value: any;
}

/** Runs a schema; a promise only where the schema answers with one. */
export function validate(
  payload: AnyPayload,
  value: unknown,
  destination: string,
): Validated | Promise<Validated> {
  const { schema } = payload;
  if (schema === undefined) return { value };
  const check = (result: SchemaResult<unknown>) => {
    if (result.issues !== undefined) throw validationError(destination, result.issues);
    return result;
  };
  let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    throw schemaFailed(destination, cause);
  }
  if (!(result instanceof Promise)) return check(result);
  return result.then(check, (cause) => {
    throw schemaFailed(destination, cause);
  });
}

/** The error for a schema that throws where it should answer. */
function schemaFailed(destination: string, cause: unknown): MessagingError {
  return new MessagingError("VALIDATION_FAILED", `The schema of "${destination}" failed by itself.`, {
    cause,
  });
}

/** Header names and values that an application may give. */
export function checkHeaders(headers: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (name === "" || typeof value !== "string") {
      throw new MessagingError(
        "INVALID_HEADER",
        name === "" ? "A header has an empty name." : `The header "${name}" is not a string.`,
        { remedy: "Header names are non-empty strings and values are strings.", details: { header: name } },
      );
    }
    if (name.toLowerCase().startsWith(reservedHeaderPrefix)) {
      throw new MessagingError(
        "INVALID_HEADER",
        `The header "${name}" begins with "${reservedHeaderPrefix}", which is reserved.`,
        {
          remedy: "Choose another name.",
          details: { header: name },
        },
      );
    }
    if (name.toLowerCase() === metadataHeaders.contentType) {
      throw new MessagingError("INVALID_HEADER", `The header "${name}" is what the contract's codec says.`, {
        remedy: "Give the contract a codec with this content type.",
        details: { header: name },
      });
    }
    if (!name.isWellFormed() || !value.isWellFormed()) {
      throw new MessagingError(
        "INVALID_HEADER",
        `The header "${name}" holds half a surrogate pair, which UTF-8 cannot carry.`,
        {
          details: { header: name },
        },
      );
    }
  }
}

/** Refuses what is over the broker's limits. Returns the size in bytes. */
export function checkLimits(message: WireMessage, capabilities: Capabilities, destination: string): number {
  const { limits } = capabilities;
  const size = wireSize(message);
  if (size > limits.messageBytes) {
    throw new MessagingError(
      "MESSAGE_TOO_LARGE",
      `A message of ${size} bytes for "${destination}" is over the limit of ${limits.messageBytes}.`,
      {
        remedy: "Send less, or send a reference to where the data is.",
        details: { size, limit: limits.messageBytes },
      },
    );
  }
  if (limits.headerBytes !== undefined) {
    const bytes = headerBytes(message.headers);
    if (bytes > limits.headerBytes) {
      throw new MessagingError(
        "MESSAGE_TOO_LARGE",
        `Headers of ${bytes} bytes for "${destination}" are over the limit of ${limits.headerBytes}.`,
        { remedy: "Move data into the body.", details: { size: bytes, limit: limits.headerBytes } },
      );
    }
  }
  if (
    limits.keyBytes !== undefined &&
    message.key !== undefined &&
    utf8Length(message.key) > limits.keyBytes
  ) {
    throw new MessagingError(
      "MESSAGE_TOO_LARGE",
      `The ordering key for "${destination}" is over the limit of ${limits.keyBytes} bytes.`,
      { remedy: "Use a shorter key, such as a hash of it.", details: { limit: limits.keyBytes } },
    );
  }
  return size;
}
