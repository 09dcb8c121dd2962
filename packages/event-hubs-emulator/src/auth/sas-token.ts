import { createHmac, timingSafeEqual } from "node:crypto";
import { type AccessKey, claimsOf, type Grant, pathOf } from "./claims.ts";

/** Why a token is not good; goes to the client in these words, so it names no secret. */
export class InvalidToken extends Error {
  override name = "InvalidToken";
}

/**
 * Checks a shared access signature, `SharedAccessSignature sr=…&sig=…&se=…&skn=…`:
 * the signature is the HMAC-SHA-256, under the key, of the resource as it stands in
 * the token, a line feed and the expiry in seconds.
 */
export function verifySasToken(token: string, keys: readonly AccessKey[], now: number): Grant {
  const fields = fieldsOf(token);
  const { sr, sig, se, skn } = fields;
  if (
    sr === undefined ||
    sig === undefined ||
    se === undefined ||
    skn === undefined ||
    !/^\d{1,12}$/.test(se)
  ) {
    throw new InvalidToken("MalformedToken: The token is not a shared access signature.");
  }
  const name = decode(skn);
  const key = keys.find((candidate) => candidate.name === name);
  if (key === undefined) throw new InvalidToken("InvalidSignature: The token has an invalid signature.");
  const expected = createHmac("sha256", key.key).update(`${sr}\n${se}`, "utf8").digest();
  const given = Buffer.from(decode(sig), "base64");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new InvalidToken("InvalidSignature: The token has an invalid signature.");
  }
  const expires = Number(se) * 1000;
  if (expires <= now)
    throw new InvalidToken(`ExpiredToken: The token is expired. Expiration time: ${iso(expires)}.`);
  return { path: pathOf(decode(sr)), claims: claimsOf(key), expires };
}

function iso(time: number): string {
  return time < 8.64e15 ? new Date(time).toISOString() : "unknown";
}

function fieldsOf(token: string): Partial<Record<"sr" | "sig" | "se" | "skn", string>> {
  const [scheme, rest = ""] = token.split(/ (.*)/s);
  if (scheme !== "SharedAccessSignature") return {};
  const fields: Record<string, string> = Object.create(null);
  for (const pair of rest.split("&")) {
    const equals = pair.indexOf("=");
    if (equals > 0) fields[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return fields;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidToken("MalformedToken: The token is not a shared access signature.");
  }
}
