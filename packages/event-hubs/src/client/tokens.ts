import { createHmac } from "node:crypto";

/** A token and how long it holds. */
export interface Token {
  readonly text: string;
  /** As put-token names it. */
  readonly type: "servicebus.windows.net:sastoken" | "jwt";
  /** When it ends, milliseconds since the epoch. */
  readonly expiresAt: number;
  /** After how many milliseconds the next one is to be presented; `undefined`: shortly before this one ends. */
  readonly renewInMs: number | undefined;
}

/** Makes tokens for an audience such as `sb://name.servicebus.windows.net/hub`. */
export type TokenSource = (audience: string) => Promise<Token>;

/** The part of Azure's `TokenCredential` that is used here. */
export interface AzureCredential {
  getToken(
    scopes: string | string[],
  ): Promise<{ readonly token: string; readonly expiresOnTimestamp: number } | null>;
}

/** For how long a token is signed: the service still takes one by a clock that is behind its own by nearly as much. */
const lifetimeMs = 86_400_000;
/** Long before that: a clock that was set since would have signed a shorter one. */
const renewInMs = 3_000_000;
/** https://learn.microsoft.com/azure/event-hubs/authenticate-application */
const scope = "https://eventhubs.azure.net/.default";

/** Signs tokens with a shared access key (https://learn.microsoft.com/rest/api/eventhub/generate-sas-token). */
export function sharedKeyTokens(keyName: string, key: string): TokenSource {
  return async (audience) => {
    const expires = Math.floor((Date.now() + lifetimeMs) / 1_000);
    const resource = encodeURIComponent(audience);
    const signature = createHmac("sha256", key).update(`${resource}\n${expires}`).digest("base64");
    const fields = [
      `sr=${resource}`,
      `sig=${encodeURIComponent(signature)}`,
      `se=${expires}`,
      `skn=${encodeURIComponent(keyName)}`,
    ];
    return {
      text: `SharedAccessSignature ${fields.join("&")}`,
      type: "servicebus.windows.net:sastoken",
      expiresAt: expires * 1_000,
      renewInMs,
    };
  };
}

/** A signature that somebody else made; it cannot be renewed. */
export function givenSignature(signature: string): TokenSource {
  const expires = Number(/(?:^|[& ])se=(\d+)/.exec(signature)?.[1]);
  return async () => ({
    text: signature,
    type: "servicebus.windows.net:sastoken",
    expiresAt: Number.isFinite(expires) ? expires * 1_000 : Date.now() + lifetimeMs,
    renewInMs: undefined,
  });
}

/** Tokens of Microsoft Entra ID; the credential caches them. */
export function credentialTokens(credential: () => Promise<AzureCredential>): TokenSource {
  return async () => {
    const token = await (await credential()).getToken(scope);
    if (token === null) throw new Error("The Azure credential gave no token.");
    return { text: token.token, type: "jwt", expiresAt: token.expiresOnTimestamp, renewInMs: undefined };
  };
}
