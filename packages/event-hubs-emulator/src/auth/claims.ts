/** What a key allows. Manage includes the other two, as with the service. */
export type Claim = "Send" | "Listen" | "Manage";

/** A shared access key of the namespace. */
export interface AccessKey {
  readonly name: string;
  readonly key: string;
  /** All three unless told otherwise. */
  readonly claims?: readonly Claim[];
}

/**
 * A bearer token that is taken as it is, in place of those of Microsoft Entra ID, for
 * clients that get theirs from a token credential.
 */
export interface BearerToken {
  readonly token: string;
  /** All three unless told otherwise. */
  readonly claims?: readonly Claim[];
  /** Milliseconds since 1970; an hour after it is used unless told otherwise. */
  readonly expires?: number;
}

/** All that anyone can show to be let in. */
export interface Credentials {
  readonly keys: readonly AccessKey[];
  readonly bearerTokens: readonly BearerToken[];
}

/** What a token grants: claims on everything below a path, until a time. */
export interface Grant {
  /** Lower case, without slashes at either end; empty for the whole namespace. */
  readonly path: string;
  readonly claims: readonly Claim[];
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export function claimsOf(given: { readonly claims?: readonly Claim[] }): readonly Claim[] {
  const claims = given.claims ?? ["Manage"];
  return claims.includes("Manage") ? ["Manage", "Send", "Listen"] : claims;
}

/** Whether a path is another or lies below it. */
export function covers(outer: string, inner: string): boolean {
  return outer === "" || inner === outer || inner.startsWith(`${outer}/`);
}

/** The path of an entity from a URI; the scheme can be missing (`host/hub`), the host cannot. */
export function pathOf(uri: string): string {
  const [withoutScheme = ""] = uri.replace(/^[a-z]+:\/\//i, "").split("?");
  const slash = withoutScheme.indexOf("/");
  return slash < 0 ? "" : normalPath(withoutScheme.slice(slash));
}

/** Paths are compared without regard to case and to slashes at either end. */
export function normalPath(path: string): string {
  return path.replace(/^\/+|\/+$/g, "").toLowerCase();
}
