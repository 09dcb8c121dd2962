import type { HubSettings } from "../namespace/namespace.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";

const DAY_MS = 86_400_000;
const MAX_RETENTION_DAYS = 90;

/** What a client asks of a hub in the body of its PUT. Elements it does not give keep their defaults. */
export function readHubDescription(body: string): HubSettings {
  if (body.trim() === "") return {};
  if (!/<(?:\w+:)?EventHubDescription[\s/>]/.test(body)) throw malformed();
  const partitionCount = numberIn(body, "PartitionCount");
  const days = numberIn(body, "MessageRetentionInDays");
  if (days !== undefined && (days < 1 || days > MAX_RETENTION_DAYS)) {
    throw new ServiceError(
      CONDITION.argumentRange,
      `MessageRetentionInDays must be between 1 and ${MAX_RETENTION_DAYS}.`,
    );
  }
  return {
    ...(partitionCount === undefined ? {} : { partitionCount }),
    ...(days === undefined ? {} : { retentionMs: days * DAY_MS }),
  };
}

/** The user metadata in the body of a PUT of a consumer group. */
export function readGroupDescription(body: string): string {
  if (body.trim() === "") return "";
  if (!/<(?:\w+:)?ConsumerGroupDescription[\s/>]/.test(body)) throw malformed();
  return textIn(body, "UserMetadata") ?? "";
}

function malformed(): ServiceError {
  return new ServiceError(
    CONDITION.argument,
    "The request body is not an Atom entry with a description of the entity.",
  );
}

function numberIn(body: string, element: string): number | undefined {
  const text = textIn(body, element);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new ServiceError(CONDITION.argument, `${element} must be a number.`);
  return Number(text);
}

/** The text of an element that has no children; descriptions have no other that matters here. */
function textIn(body: string, element: string): string | undefined {
  const match = new RegExp(`<(?:\\w+:)?${element}(?:\\s[^>]*)?>([^<]*)<`).exec(body);
  return match?.[1] === undefined ? undefined : unescapeXml(match[1].trim());
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([\da-f]{1,5})|(\w+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[name as string] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
