import { randomUUID } from "node:crypto";
import {
  type Address,
  type Call,
  type Connection,
  type ConnectionHooks,
  type Consumer,
  type ConsumerHooks,
  MessagingError,
  nothingStarted,
  type PublishOutcome,
  type Source,
  unlessGivenUp,
  type WireMessage,
} from "@waybill/core/spi";
import { command, createClient, open, type RedisClient } from "./client.ts";
import { GroupConsumer } from "./consumer.ts";
import { isReplyError } from "./errors.ts";
import { CompetingIntake } from "./intake/competing.ts";
import { ExclusiveIntake, onlyLane } from "./intake/exclusive.ts";
import type { IntakeContext } from "./intake/intake.ts";
import { type GroupKeys, groupKeys, topicKeys } from "./keys.ts";
import { EntryMapping } from "./mapping.ts";
import type { Settings } from "./options.ts";
import type { Orphans } from "./orphans.ts";
import { Publisher } from "./publisher.ts";
import { Follower } from "./reading/follower.ts";
import { Reader } from "./reading/reader.ts";
import { ensureStream } from "./scripts/ensure.ts";
import { follow } from "./scripts/follow.ts";
import { join } from "./scripts/join.ts";
import { leave } from "./scripts/leave.ts";
import { release } from "./scripts/lock.ts";
import { inspectServer, type ServerInfo, warning } from "./server.ts";
import { inboxLifeMs, RedisTopology, startId } from "./topology.ts";
import { DelayMover } from "./upkeep/delay-mover.ts";
import { Trimmer } from "./upkeep/trimmer.ts";

/** A reader without a group holds back trimming for this long after its last sign of life, in milliseconds. */
const readerLifeMs = 30_000;

/** What outlives a connection. */
export interface DriverMemory {
  readonly orphans: Orphans;
  /** The server's dangers have been told. */
  warned: boolean;
}

export async function connectRedis(
  settings: Settings,
  memory: DriverMemory,
  hooks: ConnectionHooks,
  call: Call,
): Promise<Connection> {
  const commands = createClient(settings, settings.responseTimeoutMs);
  await open(commands, call.signal);
  // WAIT and WAITAOF hold up their connection, so publishing that waits has its own.
  const waits = settings.confirm === "fsync" || settings.replicas > 0;
  const publishing = waits ? createClient(settings, settings.responseTimeoutMs) : commands;
  try {
    if (waits) await open(publishing, call.signal);
    const info = await inspectServer(commands);
    if (info.dangers.length > 0 && !settings.acceptVolatile && !memory.warned) {
      memory.warned = true;
      hooks.report(warning(info));
    }
    return new RedisConnection(settings, memory, hooks, commands, publishing, info);
  } catch (cause) {
    commands.disconnect();
    publishing.disconnect();
    throw cause;
  }
}

class RedisConnection implements Connection {
  readonly native: unknown;
  readonly broker: { readonly name: string; readonly version: string | undefined };
  readonly topology: RedisTopology;
  readonly #settings: Settings;
  readonly #memory: DriverMemory;
  readonly #hooks: ConnectionHooks;
  readonly #commands: RedisClient;
  readonly #publishing: RedisClient;
  readonly #mapping: EntryMapping;
  readonly #publisher: Publisher;
  readonly #trimmer: Trimmer;
  readonly #consumers = new Set<Consumer>();
  #lost = false;
  #closing: Promise<void> | undefined;

  constructor(
    settings: Settings,
    memory: DriverMemory,
    hooks: ConnectionHooks,
    commands: RedisClient,
    publishing: RedisClient,
    info: ServerInfo,
  ) {
    this.#settings = settings;
    this.#memory = memory;
    this.#hooks = hooks;
    this.#commands = commands;
    this.#publishing = publishing;
    this.native = commands;
    this.broker = { name: info.name, version: info.version };
    this.#mapping = new EntryMapping(settings.bodyField);
    this.#publisher = new Publisher(publishing, settings, this.#mapping);
    this.topology = new RedisTopology(commands, settings);
    this.#trimmer = new Trimmer(commands, settings);
    for (const client of new Set([commands, publishing])) {
      let cause: unknown;
      client.on("error", (error) => {
        cause = error;
      });
      client.on("end", () => this.#onLost(cause ?? new Error("Connection is closed.")));
    }
  }

  async publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    const outcomes = await unlessGivenUp(this.#publisher.publish(to, batch), call.signal);
    const failed = outcomes.find((outcome) => !outcome.ok);
    if (failed?.ok === false) this.#onFailed(failed.cause);
    if (to.kind === "topic") this.#trimmer.touch(to);
    return outcomes;
  }

  async consume(from: Source, hooks: ConsumerHooks, call: Call): Promise<Consumer> {
    const { kind } = from.address;
    const reader = await Reader.open(this.#settings, this.#commands, call.signal);
    try {
      if (kind === "inbox") return await this.#openInbox(from.address, reader);
      if (kind === "topic") return await this.#follow(from, reader);
      return await this.#join(from.address, reader, hooks);
    } catch (cause) {
      reader.close();
      throw cause;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #join(address: Address, reader: Reader, hooks: ConsumerHooks): Promise<Consumer> {
    const keys = groupKeys(address);
    const commands = this.#commands;
    await join(commands, keys);
    await this.#settleOrphans(address, keys);
    const consumer = `${this.#settings.connectionName}-${randomUUID()}`;
    const context: IntakeContext = {
      keys,
      consumer,
      reader,
      commands,
      mapping: this.#mapping,
      leaseMs: this.#settings.leaseMs,
    };
    const intake = address.ordered
      ? new ExclusiveIntake(context, () => {
          member.forget();
          hooks.revoked([onlyLane]);
        })
      : new CompetingIntake(context);
    const parts = {
      keys,
      consumer,
      commands,
      reader,
      mover: new DelayMover(commands, [keys.returns, keys.main], this.#report),
      onFailed: this.#onFailed,
      onSettled: () => {
        if (!keys.owned) this.#trimmer.touch(address);
      },
      onClosed: (handedBack: boolean) => {
        this.#consumers.delete(member);
        if (!handedBack) this.#memory.orphans.add(keys.lock, consumer);
      },
    };
    const member: GroupConsumer = new GroupConsumer(parts, intake);
    this.#consumers.add(member);
    return member;
  }

  /** Does for consumers of a lost connection what they could not do themselves. */
  async #settleOrphans(address: Address, keys: GroupKeys): Promise<void> {
    const { orphans } = this.#memory;
    for (const consumer of orphans.of(keys.lock)) {
      if (address.ordered) await release(this.#commands, keys.lock, consumer);
      else await leave(this.#commands, keys, consumer, true);
      orphans.settled(keys.lock, consumer);
    }
  }

  async #follow({ address, start }: Source, reader: Reader): Promise<Consumer> {
    const keys = topicKeys(address.brokerName);
    const name = randomUUID();
    const keep = (position: string) => follow(this.#commands, keys, name, position, readerLifeMs);
    const after = await keep(startId(start));
    if (after === undefined) {
      throw new MessagingError("NOT_FOUND", `There is no topic "${address.name}" on this Redis.`, {
        remedy: 'Create it, or connect with `topology: "create"`.',
      });
    }
    const mover = new DelayMover(this.#commands, [keys.main], this.#report);
    const follower: Follower = new Follower({
      stream: address.brokerName,
      reader,
      mapping: this.#mapping,
      after,
      keep: { everyMs: readerLifeMs / 6, run: keep },
      remove: () => {
        mover.stop();
        return command(this.#commands, "hdel", [keys.readers, name]);
      },
      onClosed: () => this.#consumers.delete(follower),
    });
    this.#consumers.add(follower);
    return follower;
  }

  async #openInbox(address: Address, reader: Reader): Promise<Consumer> {
    const stream = address.brokerName;
    const keep = () => ensureStream(this.#commands, stream, inboxLifeMs);
    await keep();
    const follower: Follower = new Follower({
      stream,
      reader,
      mapping: this.#mapping,
      after: "0-0",
      keep: { everyMs: inboxLifeMs / 3, run: keep },
      // What is read is done with: nobody else reads here.
      onRead: (position) => {
        command(this.#commands, "xtrim", [stream, "MINID", "~", position]).catch(() => {});
      },
      remove: () => command(this.#commands, "unlink", [stream]),
      onClosed: () => this.#consumers.delete(follower),
    });
    this.#consumers.add(follower);
    return follower;
  }

  readonly #report = (cause: unknown): void => {
    if (!this.#onFailed(cause)) this.#hooks.report(cause);
  };

  /** A server that was made a replica stays one, but a new connection may find the new primary. */
  readonly #onFailed = (cause: unknown): boolean => {
    const demoted = isReplyError(cause, "READONLY");
    if (demoted) this.#onLost(cause);
    return demoted;
  };

  #onLost(cause: unknown): void {
    if (this.#lost || this.#closing !== undefined) return;
    this.#lost = true;
    this.#hooks.lost(cause);
  }

  async #close(): Promise<void> {
    this.#trimmer.close();
    await Promise.all([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
    this.#commands.disconnect();
    this.#publishing.disconnect();
  }
}
