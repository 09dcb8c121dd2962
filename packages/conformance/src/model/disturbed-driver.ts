import { type Connection, type Driver, MessagingError } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";
import type { ModelClock } from "./model-time.ts";
import type { DriverFault } from "./program.ts";

type FaultyCall = DriverFault["call"];

/** A connection that can be cut from outside. */
interface Breakable extends Connection {
  break?(cause: unknown): void;
}

/** What is wrong between one client and its broker, and can be changed while it works. */
export class Disturbance {
  readonly #clock: ModelClock;
  readonly #connections = new Set<Connection>();
  readonly #faults = new Map<FaultyCall, { how: DriverFault["how"]; times: number }>();
  #hanging: (() => void)[] = [];
  /** How long each call takes, in milliseconds. */
  latencyMs = 0;
  /** Its renewals of leases reach nobody. */
  leasesStall = false;
  #over = false;

  constructor(clock: ModelClock) {
    this.#clock = clock;
  }

  add({ call, how, times }: DriverFault): void {
    this.#faults.set(call, { how, times });
  }

  /** All is well from now on; calls that hang fail. */
  heal(): void {
    this.latencyMs = 0;
    this.leasesStall = false;
    this.#faults.clear();
    this.#letGo();
  }

  /** Cuts its connections. */
  cut(): void {
    for (const connection of [...this.#connections]) {
      this.#connections.delete(connection);
      (connection as Breakable).break?.(new MessagingError("CONNECTION_LOST", "The connection was cut."));
    }
    this.#letGo();
  }

  /** Cuts them, and lets it have no others. */
  end(): void {
    this.#over = true;
    this.cut();
  }

  driver(driver: Driver): Driver {
    const track = { ...driver, connect: this.#connect(driver) } satisfies Driver;
    return wrapDriver(track, {
      connection: (own) => ({
        publish: (to, batch, call) => this.#through("publish", () => own.publish(to, batch, call)),
        topology: {
          ensure: (items, call) => this.#through("ensure", () => own.topology.ensure(items, call)),
          inspect: (addresses, call) => own.topology.inspect(addresses, call),
          remove: (addresses, call) => own.topology.remove(addresses, call),
        },
      }),
      consumer: (own) => ({
        settle: (batch, call) => this.#through("settle", () => own.settle(batch, call)),
        ...(own.extend === undefined
          ? {}
          : {
              extend: async (batch, call) =>
                this.leasesStall
                  ? []
                  : this.#through("extend", async () => (await own.extend?.(batch, call)) ?? []),
            }),
        // It never fails, but it may be slow, or come to an end when nobody waits for it any more.
        close: async (options) => {
          const fault = this.#take("closeConsumer");
          if (fault === "hangs") await this.#hang();
          await this.#through("close", () => own.close(options));
        },
      }),
    });
  }

  #connect(driver: Driver): Driver["connect"] {
    return (hooks, call) =>
      this.#through("connect", async () => {
        if (this.#over) throw new MessagingError("UNREACHABLE", "The process has ended.");
        const connection = await driver.connect(hooks, call);
        this.#connections.add(connection);
        const consume = connection.consume.bind(connection);
        connection.consume = (from, consumerHooks, consumeCall) =>
          this.#through("consume", () => consume(from, consumerHooks, consumeCall));
        return connection;
      });
  }

  async #through<T>(name: FaultyCall | "close", work: () => Promise<T>): Promise<T> {
    if (this.latencyMs > 0) await this.#sleep(this.latencyMs / 2);
    const how = name === "close" ? undefined : this.#take(name);
    if (how === undefined) {
      const result = await work();
      if (this.latencyMs > 0) await this.#sleep(this.latencyMs / 2);
      return result;
    }
    if (how === "hangs") await this.#hang();
    // Of what begins, nobody would know that it has begun.
    else if (how === "answer lost" && name !== "consume" && name !== "connect") await work();
    throw new MessagingError("BROKER_ERROR", `The call ${name} failed.`, { retryable: true });
  }

  #take(call: FaultyCall): DriverFault["how"] | undefined {
    const fault = this.#faults.get(call);
    if (fault === undefined) return undefined;
    if (--fault.times <= 0) this.#faults.delete(call);
    return fault.how;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.setTimeout(resolve, ms));
  }

  #hang(): Promise<void> {
    return new Promise((resolve) => this.#hanging.push(resolve));
  }

  #letGo(): void {
    for (const resolve of this.#hanging.splice(0)) resolve();
  }
}
