import { MessagingError, percentDecoded } from "@waybill/core/spi";
import {
  type AzureCredential,
  credentialTokens,
  givenSignature,
  sharedKeyTokens,
  type TokenSource,
} from "./tokens.ts";

/** Which namespace, how to reach it, and by what right. */
export interface Access {
  /** The namespace's full host, as checkpoint stores know it. */
  readonly namespace: string;
  /** Where to connect to. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly webSocket: boolean;
  /** `sb://<namespace>/`: what the audience of a token begins with. */
  readonly endpoint: string;
  /** The hub that a connection string is for, where it names one. */
  readonly entity: string | undefined;
  /** `https://<namespace>`: the management API. */
  readonly management: string;
  readonly tokens: TokenSource;
  /** For those who need the vendor client: a connection string, or a credential. */
  readonly vendor:
    | { readonly connectionString: string }
    | { readonly credential: () => Promise<AzureCredential> };
  /** The Azure credential, also for the checkpoint store. */
  readonly credential: () => Promise<AzureCredential>;
}

interface Given {
  readonly namespace: string | undefined;
  readonly keyName: string | undefined;
  readonly key: string | undefined;
  readonly connectionString: string | undefined;
  readonly credential: AzureCredential | undefined;
  readonly emulator: boolean;
  readonly endpoint: string | undefined;
  readonly transport: "tcp" | "websocket";
}

const emulatorPort = 5672;
const amqpsPort = 5671;
const webSocketPort = 443;

/** Splits a URL, whose key may hold any sign once it is percent-encoded. */
export function splitUrl(url: string): {
  readonly namespace: string | undefined;
  readonly keyName: string | undefined;
  readonly key: string | undefined;
  readonly query: URLSearchParams;
} {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.pathname !== "" && parsed.pathname !== "/")) {
    throw new MessagingError("INVALID_ARGUMENT", "This is no URL of an Event Hubs namespace.", {
      remedy: "Write it as eventhubs://<namespace> or eventhubs://<keyName>:<key>@<namespace>.",
    });
  }
  const text = (part: string) => (part === "" ? undefined : percentDecoded("event-hubs", part));
  return {
    namespace: text(parsed.host),
    keyName: text(parsed.username),
    key: text(parsed.password),
    query: parsed.searchParams,
  };
}

export function accessOf(given: Given): Access {
  const { credential, emulator } = given;
  const parsed =
    given.connectionString === undefined ? undefined : parseConnectionString(given.connectionString);
  if (parsed !== undefined && (given.namespace ?? given.key ?? credential) !== undefined) {
    // The environment may hold both: what was given beside the connection string would be ignored.
    throw invalid("connectionString excludes namespace, key and credential", "Give one or the other.");
  }
  const { keyName, key, signature } = parsed ?? { ...given, signature: undefined };
  if ((keyName === undefined) !== (key === undefined)) {
    throw invalid("a shared access key needs both keyName and key", "Give the missing one.");
  }
  if (key !== undefined && credential !== undefined) throw invalid("key and credential exclude each other");
  const named = parsed?.host ?? given.namespace;
  if (named === undefined) {
    throw invalid("no namespace is given", "Give `namespace`, `connectionString`, or name it in the URL.");
  }
  const local = emulator || parsed?.emulator === true;
  const [bareHost, ownPort] = splitPort(named);
  const namespace = bareHost.includes(".") || local ? bareHost : `${bareHost}.servicebus.windows.net`;
  const webSocket = given.transport === "websocket";
  const port = ownPort ?? (local ? emulatorPort : webSocket ? webSocketPort : amqpsPort);
  const [host, connectPort] = given.endpoint === undefined ? [namespace, port] : splitPort(given.endpoint);
  const authority = ownPort === undefined ? namespace : `${namespace}:${ownPort}`;
  const ask = () => (credential === undefined ? defaultCredential() : Promise.resolve(credential));
  return {
    namespace,
    host,
    port: connectPort ?? port,
    tls: !local,
    webSocket,
    endpoint: `sb://${authority}/`,
    entity: parsed?.entity,
    management: local ? `http://${namespace}:${port}` : `https://${namespace}`,
    tokens:
      signature !== undefined
        ? givenSignature(signature)
        : keyName !== undefined && key !== undefined
          ? sharedKeyTokens(keyName, key)
          : credentialTokens(ask),
    vendor:
      parsed !== undefined
        ? { connectionString: given.connectionString as string }
        : keyName !== undefined && key !== undefined
          ? { connectionString: connectionStringOf(authority, keyName, key, local) }
          : { credential: ask },
    credential: ask,
  };
}

function connectionStringOf(authority: string, keyName: string, key: string, local: boolean): string {
  const suffix = local ? ";UseDevelopmentEmulator=true" : "";
  return `Endpoint=sb://${authority};SharedAccessKeyName=${keyName};SharedAccessKey=${key}${suffix}`;
}

function parseConnectionString(text: string) {
  const fields = new Map<string, string>();
  for (const part of text.split(";")) {
    const at = part.indexOf("=");
    if (at > 0) fields.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const host = /^[a-z]+:\/\/([^/]+)/i.exec(fields.get("endpoint") ?? "")?.[1];
  const signature = fields.get("sharedaccesssignature");
  const keyName = fields.get("sharedaccesskeyname");
  const key = fields.get("sharedaccesskey");
  if (host === undefined || (signature === undefined && (keyName === undefined || key === undefined))) {
    throw invalid(
      "this is no connection string",
      "Write it as Endpoint=sb://<namespace>/;SharedAccessKeyName=<name>;SharedAccessKey=<key>.",
    );
  }
  const entity = fields.get("entitypath");
  return { host, entity, keyName, key, signature, emulator: fields.get("usedevelopmentemulator") === "true" };
}

function splitPort(text: string): [host: string, port: number | undefined] {
  const found = /^(.*):(\d{1,5})$/.exec(text);
  return found === null ? [text, undefined] : [found[1] as string, Number(found[2])];
}

async function defaultCredential(): Promise<AzureCredential> {
  const identity = await import("@azure/identity").catch((cause: unknown) => {
    throw new MessagingError("ADAPTER_MISSING", "event-hubs needs @azure/identity where no key is given.", {
      remedy: "npm install @azure/identity, or give a key, a connection string or a credential.",
      cause,
    });
  });
  return new identity.DefaultAzureCredential();
}

function invalid(what: string, remedy = "Keep one of the two."): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `event-hubs: ${what}.`, { remedy });
}
