import { createHash, timingSafeEqual } from "node:crypto";
import { type BearerToken, type Credentials, claimsOf, type Grant } from "./claims.ts";
import { InvalidToken, verifySasToken } from "./sas-token.ts";

const HOUR_MS = 3_600_000;

/** Checks a token of either kind; a shared access signature tells by how it begins. */
export function verifyToken(token: string, { keys, bearerTokens }: Credentials, now: number): Grant {
  if (token.startsWith("SharedAccessSignature")) return verifySasToken(token, keys, now);
  return verifyBearerToken(token, bearerTokens, now);
}

function verifyBearerToken(token: string, known: readonly BearerToken[], now: number): Grant {
  const digest = digestOf(token);
  const found = known.find((candidate) => timingSafeEqual(digestOf(candidate.token), digest));
  if (found === undefined) throw new InvalidToken("InvalidToken: The token is not known here.");
  const expires = found.expires ?? now + HOUR_MS;
  if (expires <= now) throw new InvalidToken("ExpiredToken: The token is expired.");
  return { path: "", claims: claimsOf(found), expires };
}

function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
