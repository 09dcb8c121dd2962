import type { Settings } from "../options.ts";

const apiVersion = "2014-01";
const atom = "http://www.w3.org/2005/Atom";
const schema = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";

/** What the management API answered that is no success. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
  readonly statusCode: number;

  constructor(what: string, statusCode: number, said: string) {
    super(`${what}: the management API answered ${statusCode}${said === "" ? "" : `, ${said}`}.`);
    this.statusCode = statusCode;
  }
}

/** What the API says of a hub. */
export interface HubDescription {
  readonly partitions: number;
}

/**
 * Hubs and consumer groups as things to make and take away, by the namespace's own HTTP
 * API (https://learn.microsoft.com/rest/api/eventhub/event-hubs-management-rest). It asks
 * for the claim Manage.
 */
export class ManagementApi {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** False: it was there. */
  async createHub(hub: string, partitions: number, signal: AbortSignal): Promise<boolean> {
    const days = this.#settings.retentionDays;
    const fields = `<MessageRetentionInDays>${days}</MessageRetentionInDays><PartitionCount>${partitions}</PartitionCount>`;
    return this.#create(hub, "EventHubDescription", fields, signal);
  }

  async createGroup(hub: string, group: string, signal: AbortSignal): Promise<boolean> {
    return this.#create(`${hub}/consumergroups/${group}`, "ConsumerGroupDescription", "", signal);
  }

  async getHub(hub: string, signal: AbortSignal): Promise<HubDescription | undefined> {
    const text = await this.#get(hub, signal);
    const partitions = /<PartitionCount>\s*(\d+)\s*</.exec(text ?? "")?.[1];
    return partitions === undefined ? undefined : { partitions: Number(partitions) };
  }

  async hasGroup(hub: string, group: string, signal: AbortSignal): Promise<boolean> {
    // What is not there is answered by an empty feed in places.
    return /<ConsumerGroupDescription/.test(
      (await this.#get(`${hub}/consumergroups/${group}`, signal)) ?? "",
    );
  }

  async deleteHub(hub: string, signal: AbortSignal): Promise<void> {
    await this.#ask("DELETE", hub, undefined, signal, [404]);
  }

  async deleteGroup(hub: string, group: string, signal: AbortSignal): Promise<void> {
    await this.#ask("DELETE", `${hub}/consumergroups/${group}`, undefined, signal, [404]);
  }

  async #create(path: string, kind: string, fields: string, signal: AbortSignal): Promise<boolean> {
    const description = `<${kind} xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="${schema}">${fields}</${kind}>`;
    const entry = `<?xml version="1.0" encoding="utf-8"?><entry xmlns="${atom}"><content type="application/xml">${description}</content></entry>`;
    const { status, text } = await this.#ask("PUT", path, entry, signal, [409]);
    if (status !== 409) return true;
    // It is there; or somebody is just making it or taking it away, which the service calls a conflict too.
    const found = await this.#get(path, signal);
    if (!found?.includes(`<${kind}`)) throw refused("PUT", path, status, text);
    return false;
  }

  async #get(path: string, signal: AbortSignal): Promise<string | undefined> {
    const { status, text } = await this.#ask("GET", path, undefined, signal, [404]);
    return status === 404 ? undefined : text;
  }

  async #ask(
    method: string,
    path: string,
    body: string | undefined,
    signal: AbortSignal,
    alsoFine: readonly number[],
  ): Promise<{ readonly status: number; readonly text: string }> {
    const { management, endpoint, requestTimeoutMs } = this.#settings;
    const token = await this.#settings.tokens(endpoint);
    const address = path.split("/").map(encodeURIComponent).join("/");
    const response = await fetch(`${management}/${address}?api-version=${apiVersion}`, {
      method,
      headers: {
        authorization: token.type === "jwt" ? `Bearer ${token.text}` : token.text,
        ...(body === undefined ? {} : { "content-type": "application/atom+xml;type=entry;charset=utf-8" }),
      },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
    });
    const text = await response.text();
    if (!response.ok && !alsoFine.includes(response.status)) {
      throw refused(method, path, response.status, text);
    }
    return { status: response.status, text };
  }
}

function refused(method: string, path: string, status: number, text: string): ManagementError {
  const said = /<Detail>([^<]*)</.exec(text)?.[1] ?? "";
  return new ManagementError(`${method} ${path}`, status, said.slice(0, 300));
}
