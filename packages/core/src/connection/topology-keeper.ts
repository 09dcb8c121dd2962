import { MessagingError } from "../errors/messaging-error.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import type { Clock } from "../runtime/clock.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Address } from "../spi/address.ts";
import type { Topology, TopologyItem } from "../spi/topology.ts";
import type { ReconnectingConnection } from "./reconnecting-connection.ts";

export interface TopologyKeeperOptions {
  readonly mode: "create" | "verify" | "assume";
  readonly clock: Clock;
  /** How long the broker may take for one of them, in milliseconds. */
  readonly timeoutMs: number;
  /** Fires when the client closes. */
  readonly signal: AbortSignal;
}

/** The most that is known to be there, in bytes and in names, and the most groups of each; of others it is asked again. */
const maxBytes = 1.5 * 1024 * 1024;
const mostKnown = 10_000;
const mostGroups = 100;
/** What each group takes beside its name, in bytes. */
const groupBytes = 100;
/** What there is of most names: one set for all of them. */
const alone: Readonly<Partial<Record<Address["kind"], ReadonlySet<string>>>> = {
  topic: new Set(["topic"]),
  queue: new Set(["queue"]),
};

/** Sees to it that what a client uses is there, in the way its `topology` option says. */
export class TopologyKeeper {
  readonly #connection: ReconnectingConnection;
  readonly #options: TopologyKeeperOptions;
  /** What was there when this client last looked, by broker name: kinds and groups. */
  readonly #known = new BoundedMap<ReadonlySet<string>>(maxBytes, mostKnown);

  constructor(connector: ReconnectingConnection, options: TopologyKeeperOptions) {
    this.#connection = connector;
    this.#options = options;
  }

  /**
   * Makes or checks what a consumer is about to use. Asks the broker each time, since
   * what ended the last consumer may have been that it was taken away. Rejects as
   * retryable when the connection is lost meanwhile, or when the time is over.
   */
  prepare(item: TopologyItem, signal?: AbortSignal): Promise<void> {
    return this.#prepare(item, signal, this.#options.timeoutMs);
  }

  /**
   * As `prepare`, for what is about to be published to: asks only for what nobody has asked
   * before. How long that may take is for the signal to say.
   */
  async prepareOnce(address: Address, signal: AbortSignal): Promise<void> {
    if (this.isPrepared(address)) return;
    const item = { address, start: { from: "latest" }, filter: undefined } as const;
    await this.#prepare(item, signal, Number.POSITIVE_INFINITY);
  }

  /** Whether `prepareOnce` would ask nothing. */
  isPrepared(address: Address): boolean {
    const assumed = this.#options.mode === "assume" && address.kind !== "inbox";
    return assumed || this.#known.get(address.brokerName)?.has(idOf(address)) === true;
  }

  /** Someone else of this client has made it. */
  made(address: Address): void {
    this.#note(address);
    // Who has made a group has made its topic.
    if (address.kind === "group") this.#note({ ...address, kind: "topic" });
  }

  /** The destination, or something of its name, may be gone. */
  forget(address: Address): void {
    this.#known.delete(address.brokerName);
  }

  async topology(signal: AbortSignal = this.#options.signal): Promise<Topology> {
    return (await this.#connection.connection(signal)).topology;
  }

  async #prepare(item: TopologyItem, signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    const { address } = item;
    // A reply path is the client's own: no operator makes it beforehand.
    const mode = address.kind === "inbox" ? "create" : this.#options.mode;
    if (mode === "assume") return;
    await this.#bounded(address, signal, timeoutMs, (call) =>
      mode === "create" ? this.#ensure(item, call) : this.#verify(address, call),
    );
    if (mode === "create") this.made(address);
    // A look at a group says nothing of its topic's own settings.
    else this.#note(address);
  }

  async #ensure(item: TopologyItem, signal: AbortSignal): Promise<void> {
    const topology = await this.topology(signal);
    await topology.ensure([item], { signal });
  }

  async #verify(address: Address, signal: AbortSignal): Promise<void> {
    const topology = await this.topology(signal);
    const [state] = await topology.inspect([address], { signal });
    if (!state?.exists) {
      throw new MessagingError("NOT_FOUND", `${describe(address)} does not exist.`, {
        remedy: 'Make it, or connect with `topology: "create"`.',
        details: { brokerName: address.brokerName },
      });
    }
    if (state.differences.length > 0) {
      throw new MessagingError(
        "TOPOLOGY_MISMATCH",
        `${describe(address)} differs: ${state.differences.join("; ")}`,
        {
          remedy: "Change the one or the other until they agree.",
          details: { differences: state.differences },
        },
      );
    }
  }

  /** What a connection was asked that is lost, or never answers, must not be waited for. */
  async #bounded(
    address: Address,
    signal: AbortSignal | undefined,
    timeoutMs: number,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { clock, signal: closing } = this.#options;
    const giveUp = new AbortController();
    const forget = this.#connection.onLost((error) => giveUp.abort(error));
    const timer = clock.setTimeout(() => {
      giveUp.abort(
        new MessagingError("TIMEOUT", `${describe(address)} was not ready within ${timeoutMs} ms.`, {
          remedy: "Check that the broker is up and may create it, or raise `publishTimeoutMs`.",
          cause: this.#connection.error,
        }),
      );
    }, timeoutMs);
    const given = AbortSignal.any([giveUp.signal, closing, ...(signal === undefined ? [] : [signal])]);
    try {
      await unlessAborted(work(given), given);
    } finally {
      forget();
      clock.clearTimeout(timer);
    }
  }

  #note(address: Address): void {
    // It is gone with its client, and written to by name.
    if (address.kind === "inbox") return;
    const { brokerName, kind } = address;
    const before = this.#known.get(brokerName);
    const id = idOf(address);
    const only = alone[kind];
    if (before?.has(id)) return;
    if (before === undefined && only !== undefined) return this.#known.set(brokerName, only);
    const known = new Set(before !== undefined && before.size < mostGroups ? before : []).add(id);
    let bytes = 0;
    for (const each of known) bytes += groupBytes + 2 * each.length;
    this.#known.set(brokerName, known, bytes);
  }
}

function idOf({ kind, brokerGroup }: Address): string {
  return kind === "group" ? `group ${brokerGroup}` : kind;
}

function describe(address: Address): string {
  return address.kind === "group"
    ? `The group "${address.group}" of "${address.name}"`
    : `The ${address.kind} "${address.name}"`;
}
