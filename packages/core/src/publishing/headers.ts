import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { shown, shownText } from "../errors/shown.ts";
import { isPlainObject } from "../runtime/plain-object.ts";
import { utf8Length } from "../runtime/utf8-length.ts";
import type { HeaderRules } from "../spi/capabilities.ts";
import { type Headers, metadataHeaders, reservedHeaderPrefix } from "../spi/message.ts";

/**
 * A copy of the headers that an application gave, so that what it does to its own object
 * later changes nothing.
 * @throws MessagingError `INVALID_HEADER` for what is no plain object, for names and values
 * that cannot be carried, and for what breaks the broker's rules
 */
export function copyHeaders(given: unknown, rules: HeaderRules | undefined): Headers {
  if (!readable("`headers`", () => isPlainObject(given))) {
    throw new MessagingError("INVALID_HEADER", `\`headers\` takes a plain object, not ${kindOf(given)}.`, {
      remedy: "Give an object of names and string values; `Object.fromEntries` makes one of a Map.",
    });
  }
  let headers: Record<string, unknown>;
  try {
    headers = { ...(given as Record<string, unknown>) };
  } catch (cause) {
    throw new MessagingError("INVALID_HEADER", `The headers cannot be read: ${thrownText(cause)}.`, {
      remedy: "Give an object whose values are strings.",
      cause,
    });
  }
  let count = 0;
  for (const name in headers) {
    checkHeader(name, headers[name]);
    if (rules !== undefined) checkRules(name, headers[name] as string, rules);
    count++;
  }
  if (rules?.maxCount !== undefined && count > rules.maxCount) {
    throw new MessagingError(
      "INVALID_HEADER",
      `A message takes at most ${rules.maxCount} headers on this broker, not ${count}.`,
      { remedy: "Put several values into one header, or into the body.", details: { limit: rules.maxCount } },
    );
  }
  return headers as Headers;
}

/** Its type only: what was given as headers may hold what no error shows. */
function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return typeof value === "string" ? "a string" : shown(value);
  const name: unknown = (value.constructor as { readonly name?: unknown } | undefined)?.name;
  const isNamed = typeof name === "string" && name !== "" && name !== "Object";
  return isNamed ? `an object of the class ${name}` : "an object with a prototype of its own";
}

function checkHeader(name: string, value: unknown): void {
  if (name === "" || typeof value !== "string") {
    throw refused(
      name,
      name === "" ? "A header has an empty name." : `The header "${shownText(name)}" is not a string.`,
      "Use a non-empty string as its name, and a string as its value.",
    );
  }
  const lower = name.toLowerCase();
  if (lower.startsWith(reservedHeaderPrefix)) {
    throw refused(
      name,
      `The header "${shownText(name)}" begins with "${reservedHeaderPrefix}", which is reserved.`,
      "Choose another name.",
    );
  }
  if (lower === metadataHeaders.contentType) {
    throw refused(
      name,
      `The header "${shownText(name)}" is what the contract's codec says.`,
      "Give the contract a codec with this content type.",
    );
  }
  if (!name.isWellFormed() || !value.isWellFormed()) {
    throw refused(
      name,
      `The header "${shownText(name)}" holds half a surrogate pair, which UTF-8 cannot carry.`,
      "Use `toWellFormed()`, or encode the value, as Base64 for example.",
    );
  }
}

function checkRules(name: string, value: string, rules: HeaderRules): void {
  const { nameBytes, valueBytes, reserved } = rules;
  if (reserved?.some((rule) => isReserved(name.toLowerCase(), rule)) === true) {
    throw refused(
      name,
      `The broker keeps the header name "${shownText(name)}" for itself.`,
      "Choose another name.",
    );
  }
  if (nameBytes !== undefined && utf8Length(name) > nameBytes) {
    throw refused(
      name,
      `The header name "${shownText(name)}" is over the broker's limit of ${nameBytes} bytes.`,
      "Choose a shorter name.",
    );
  }
  if (valueBytes !== undefined && utf8Length(value) > valueBytes) {
    throw refused(
      name,
      `The value of the header "${shownText(name)}" is over the broker's limit of ${valueBytes} bytes.`,
      "Move it into the body.",
    );
  }
}

function isReserved(lowerName: string, rule: string): boolean {
  return rule.endsWith("*") ? lowerName.startsWith(rule.slice(0, -1)) : lowerName === rule;
}

function refused(name: string, message: string, remedy: string): MessagingError {
  return new MessagingError("INVALID_HEADER", message, { remedy, details: { header: shownText(name) } });
}
