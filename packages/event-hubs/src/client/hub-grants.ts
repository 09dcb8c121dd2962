import type { Token } from "./tokens.ts";

export interface HubGrantsOptions {
  /** Presents a token for the hub. */
  put(hub: string): Promise<Pick<Token, "expiresAt" | "renewInMs">>;
  /** A token could not be renewed; it is tried again. */
  report(cause: unknown): void;
}

/** A hub for which a token was presented. */
interface Grant {
  ready: Promise<void>;
  /** How many links need it. */
  links: number;
  /** Whether anybody has asked for it since the last token. */
  isUsed: boolean;
  renewal: NodeJS.Timeout | undefined;
}

/** Tokens are renewed this long before they end; a failed renewal is tried again that often. In milliseconds. */
const renewBeforeMs = 600_000;
const renewAgainMs = 30_000;
/** No timer beyond what Node can hold. */
const longestTimerMs = 2 ** 31 - 1;
/** The most hubs without a link that are kept; the longest unused goes first, and is granted again when it is used. */
const mostWithoutLink = 1_000;

/**
 * The hubs that one connection may use: for each a token was presented, which is renewed for as long
 * as a link needs it or somebody asks for the hub.
 */
export class HubGrants {
  readonly #options: HubGrantsOptions;
  /** The longest unused first. */
  readonly #grants = new Map<string, Grant>();
  #linked = 0;
  #isClosed = false;

  constructor(options: HubGrantsOptions) {
    this.#options = options;
  }

  /** How many hubs are kept. */
  get size(): number {
    return this.#grants.size;
  }

  /** Resolves once the hub may be used. */
  use(hub: string): Promise<void> {
    return this.#of(hub).ready;
  }

  /** As `use`, for a link: the hub may be used until what this resolves with is called. */
  async link(hub: string): Promise<() => void> {
    const grant = this.#of(hub);
    this.#count(grant, 1);
    let isNeeded = true;
    const release = () => {
      if (isNeeded) this.#count(grant, -1);
      isNeeded = false;
    };
    try {
      await grant.ready;
      return release;
    } catch (cause) {
      release();
      throw cause;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { renewal } of this.#grants.values()) clearTimeout(renewal);
    this.#grants.clear();
  }

  #of(hub: string): Grant {
    const grant = this.#grants.get(hub) ?? this.#begin(hub);
    grant.isUsed = true;
    this.#grants.delete(hub);
    this.#grants.set(hub, grant);
    this.#forgetUnused();
    return grant;
  }

  #begin(hub: string): Grant {
    const grant: Grant = { ready: Promise.resolve(), links: 0, isUsed: true, renewal: undefined };
    grant.ready = this.#put(hub, grant);
    grant.ready.catch(() => this.#forget(hub, grant));
    return grant;
  }

  async #put(hub: string, grant: Grant): Promise<void> {
    const { expiresAt, renewInMs } = await this.#options.put(hub);
    const left = expiresAt - Date.now();
    this.#renewIn(hub, grant, renewInMs ?? Math.max(left / 2, left - renewBeforeMs));
  }

  #renewIn(hub: string, grant: Grant, ms: number): void {
    if (this.#isClosed || this.#grants.get(hub) !== grant) return;
    const renewal = setTimeout(() => this.#renew(hub, grant), Math.min(Math.max(ms, 1_000), longestTimerMs));
    renewal.unref();
    grant.renewal = renewal;
  }

  #renew(hub: string, grant: Grant): void {
    if (grant.links === 0 && !grant.isUsed) return this.#forget(hub, grant);
    grant.isUsed = false;
    this.#put(hub, grant).catch((cause: unknown) => {
      if (this.#isClosed || this.#grants.get(hub) !== grant) return;
      this.#options.report(cause);
      this.#renewIn(hub, grant, renewAgainMs);
    });
  }

  #count(grant: Grant, change: 1 | -1): void {
    const before = grant.links;
    grant.links += change;
    if ((before === 0) !== (grant.links === 0)) this.#linked += change;
    if (change < 0) this.#forgetUnused();
  }

  #forgetUnused(): void {
    if (this.#grants.size - this.#linked <= mostWithoutLink) return;
    for (const [hub, grant] of this.#grants) {
      if (grant.links > 0) continue;
      this.#forget(hub, grant);
      if (this.#grants.size - this.#linked <= mostWithoutLink) return;
    }
  }

  #forget(hub: string, grant: Grant): void {
    clearTimeout(grant.renewal);
    if (this.#grants.get(hub) === grant) this.#grants.delete(hub);
  }
}
