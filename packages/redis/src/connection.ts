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
import { StreamConsumer } from "./broadcast/stream-consumer.ts";
import { command, createClient, open, type RedisClient } from "./client/redis-client.ts";
import { ensureStream } from "./client/scripts/ensure.ts";
import { follow } from "./client/scripts/follow.ts";
import { handBack, handBackInPlace } from "./client/scripts/hand-back.ts";
import { join } from "./client/scripts/join.ts";
import { release } from "./client/scripts/lock.ts";
import { inspectServer, type ServerInfo, warning } from "./client/server.ts";
import { ServerTime } from "./client/server-time.ts";
import { RedisConsumer } from "./consumer.ts";
import { DelayForwarder } from "./delays/delay-forwarder.ts";
import type { Unsettled } from "./delivery.ts";
import { isReplyError } from "./errors.ts";
import { CompetingIntake } from "./groups/competing.ts";
import { ExclusiveIntake, onlyPartition } from "./groups/exclusive.ts";
import type { IntakeContext } from "./groups/intake.ts";
import type { LostConsumers } from "./groups/lost-consumers.ts";
import { Trimmer } from "./groups/trimmer.ts";
import { EntryMapping } from "./mapping.ts";
import { type GroupKeys, groupKeys, topicKeys } from "./naming.ts";
import type { Settings } from "./options.ts";
import { RedisPublisher } from "./publisher.ts";
import { BlockingReader } from "./receiving/blocking-reader.ts";
import { ReadBudget } from "./receiving/read-budget.ts";
import { inboxLifeMs, RedisTopology, startId } from "./topology.ts";

/** A reader without a group holds back trimming for this long after its last sign of life, in milliseconds. */
const readerLifeMs = 30_000;

/** What outlives a connection. */
export interface DriverMemory {
  readonly lostConsumers: LostConsumers;
  /** The server's dangers have been told. */
  warned: boolean;
}

export class RedisConnection implements Connection {
  readonly native: unknown;
  readonly broker: { readonly name: string; readonly version: string | undefined };
  readonly topology: RedisTopology;
  readonly #settings: Settings;
  readonly #time: ServerTime;
  readonly #memory: DriverMemory;
  readonly #hooks: ConnectionHooks;
  readonly #commands: RedisClient;
  readonly #publishing: RedisClient;
  readonly #mapping: EntryMapping;
  readonly #publisher: RedisPublisher;
  readonly #trimmer: Trimmer;
  readonly #consumers = new Set<Consumer>();
  #lost = false;
  #closing: Promise<void> | undefined;

  /** Connects and logs in, once; rejects if the server cannot be reached or refuses. */
  static async open(
    settings: Settings,
    memory: DriverMemory,
    hooks: ConnectionHooks,
    call: Call,
  ): Promise<RedisConnection> {
    const commands = createClient(settings, settings.responseTimeoutMs);
    await open(commands, call.signal);
    // WAIT and WAITAOF hold up their connection, so publishing that waits has its own.
    const waits = settings.confirm === "fsync" || settings.replicas > 0;
    const publishing = waits ? createClient(settings, settings.responseTimeoutMs) : commands;
    try {
      if (waits) await open(publishing, call.signal);
      const time = new ServerTime(commands);
      const asked = Promise.all([inspectServer(commands), time.ask()]);
      const [info] = await unlessGivenUp(asked, call.signal);
      if (info.dangers.length > 0 && !settings.acceptVolatile && !memory.warned) {
        memory.warned = true;
        hooks.report(warning(info));
      }
      return new RedisConnection(settings, memory, hooks, commands, publishing, info, time);
    } catch (cause) {
      commands.disconnect();
      publishing.disconnect();
      throw cause;
    }
  }

  private constructor(
    settings: Settings,
    memory: DriverMemory,
    hooks: ConnectionHooks,
    commands: RedisClient,
    publishing: RedisClient,
    info: ServerInfo,
    time: ServerTime,
  ) {
    this.#settings = settings;
    this.#time = time;
    this.#memory = memory;
    this.#hooks = hooks;
    this.#commands = commands;
    this.#publishing = publishing;
    this.native = commands;
    this.broker = { name: info.name, version: info.version };
    this.#mapping = new EntryMapping(settings.bodyField);
    this.#publisher = new RedisPublisher(publishing, settings, this.#mapping);
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
    const reader = await BlockingReader.open(this.#settings, this.#commands, call.signal);
    try {
      if (kind === "inbox") return await this.#openInbox(from, reader);
      if (kind === "topic") return await this.#follow(from, reader);
      return await this.#join(from, reader, hooks);
    } catch (cause) {
      reader.close();
      throw cause;
    }
  }

  brokerTime(): number | undefined {
    return this.#time.now();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #join(from: Source, reader: BlockingReader, hooks: ConsumerHooks): Promise<Consumer> {
    const { address } = from;
    const budget = new ReadBudget(from);
    const keys = groupKeys(address);
    const commands = this.#commands;
    await join(commands, keys);
    await this.#handBackForLost(address, keys);
    const consumer = `${this.#settings.connectionName}-${randomUUID()}`;
    const context: IntakeContext = {
      keys,
      consumer,
      reader,
      commands,
      mapping: this.#mapping,
      leaseMs: this.#settings.leaseMs,
      budget,
      report: this.#report,
    };
    const intake = address.ordered
      ? new ExclusiveIntake(context, () => {
          member.forget();
          hooks.revoked([onlyPartition]);
        })
      : new CompetingIntake(context);
    const parts = {
      keys,
      consumer,
      commands,
      reader,
      budget,
      forwarder: new DelayForwarder(commands, [keys.returns, keys.main], this.#report),
      onFailed: this.#onFailed,
      onSettled: () => {
        if (!keys.owned) this.#trimmer.touch(address);
      },
      onClosed: (unsettled: Unsettled | undefined) => {
        this.#consumers.delete(member);
        if (unsettled !== undefined) this.#memory.lostConsumers.add(keys.lock, { consumer, unsettled });
      },
    };
    const member: RedisConsumer = new RedisConsumer(parts, intake);
    this.#consumers.add(member);
    return member;
  }

  /** Does for consumers of a lost connection what they could not do themselves. */
  async #handBackForLost(address: Address, keys: GroupKeys): Promise<void> {
    const { lostConsumers } = this.#memory;
    for (const lost of lostConsumers.of(keys.lock)) {
      const { consumer, unsettled } = lost;
      if (address.ordered) {
        await handBackInPlace(this.#commands, keys, consumer, unsettled);
        await release(this.#commands, keys.lock, consumer);
      } else await handBack(this.#commands, keys, consumer, unsettled);
      lostConsumers.handedBack(keys.lock, lost);
    }
  }

  async #follow(from: Source, reader: BlockingReader): Promise<Consumer> {
    const { address, start } = from;
    const keys = topicKeys(address.brokerName);
    const name = randomUUID();
    const keep = (position: string) => follow(this.#commands, keys, name, position, readerLifeMs);
    const after = await keep(startId(start));
    if (after === undefined) {
      throw new MessagingError("NOT_FOUND", `There is no topic "${address.name}" on this Redis.`, {
        remedy: 'Create it, or connect with `topology: "create"`.',
      });
    }
    const forwarder = new DelayForwarder(this.#commands, [keys.main], this.#report);
    const consumer: StreamConsumer = new StreamConsumer({
      stream: address.brokerName,
      reader,
      mapping: this.#mapping,
      budget: new ReadBudget(from),
      after,
      keep: { everyMs: readerLifeMs / 6, run: keep },
      remove: () => {
        forwarder.stop();
        return command(this.#commands, "hdel", [keys.readers, name]);
      },
      onClosed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
  }

  async #openInbox(from: Source, reader: BlockingReader): Promise<Consumer> {
    const { address } = from;
    const stream = address.brokerName;
    const keep = () => ensureStream(this.#commands, stream, inboxLifeMs);
    await keep();
    const consumer: StreamConsumer = new StreamConsumer({
      stream,
      reader,
      mapping: this.#mapping,
      budget: new ReadBudget(from),
      after: "0-0",
      keep: { everyMs: inboxLifeMs / 3, run: keep },
      // What is read is done with: nobody else reads here.
      onRead: (position) => {
        command(this.#commands, "xtrim", [stream, "MINID", "~", position]).catch(() => {});
      },
      remove: () => command(this.#commands, "unlink", [stream]),
      onClosed: () => this.#consumers.delete(consumer),
    });
    this.#consumers.add(consumer);
    return consumer;
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
