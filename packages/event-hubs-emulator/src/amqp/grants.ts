import { type Claim, covers, type Grant, normalPath } from "../auth/claims.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";

/** Tokens that one connection may have at a time. */
const MAX_GRANTS = 10_000;

/** What a client may do, by the tokens it has put. */
export class Grants {
  readonly #grants = new Map<string, Grant>();

  /** A new token for the same path takes the place of the old one. */
  add(grant: Grant): void {
    if (this.#grants.size >= MAX_GRANTS) this.#forgetExpired();
    if (this.#grants.size >= MAX_GRANTS) {
      throw new ServiceError(CONDITION.quota, `A connection can have ${MAX_GRANTS} tokens.`);
    }
    this.#grants.set(grant.path, grant);
  }

  allow(path: string, claim: Claim): boolean {
    const now = Date.now();
    const wanted = normalPath(path);
    for (const grant of this.#grants.values()) {
      if (grant.expires > now && grant.claims.includes(claim) && covers(grant.path, wanted)) return true;
    }
    return false;
  }

  /** When the next token expires, milliseconds since 1970; tokens that have are forgotten. */
  nextExpiry(): number | undefined {
    this.#forgetExpired();
    let next: number | undefined;
    for (const { expires } of this.#grants.values()) if (next === undefined || expires < next) next = expires;
    return next;
  }

  #forgetExpired(): void {
    const now = Date.now();
    for (const [path, { expires }] of this.#grants) if (expires <= now) this.#grants.delete(path);
  }
}

export function unauthorized(path: string, claim: Claim): ServiceError {
  return new ServiceError(
    CONDITION.unauthorized,
    `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`,
  );
}
