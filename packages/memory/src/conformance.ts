import type {
  ConformanceTarget,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
} from "@waybill/conformance";
import type { Address, Driver, WireMessage } from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";
import { Member } from "./broker/member.ts";
import type { MemoryConnection } from "./connection.ts";
import { connectionLost, unreachable } from "./errors.ts";
import { memory } from "./index.ts";
import { settingsFromUrl } from "./options.ts";

const shortLeaseMs = 1_500;

/** What the suite is pointed at: drivers of one broker, made for it as the URL says, which can be stopped and started. */
export function target(url = "memory:"): ConformanceTarget {
  const { broker } = settingsFromUrl(url);
  const lives = new WeakMap<Driver, Life>();
  const driver = (leaseMs?: number): Driver => {
    const life = new Life();
    const crashable = life.of(memory(leaseMs === undefined ? { broker } : { broker, leaseMs }));
    lives.set(crashable, life);
    return crashable;
  };
  return {
    adapter: "memory",
    driver: () => driver(),
    shortLease: { ms: shortLeaseMs, driver: () => driver(shortLeaseMs) },
    crash: async (driver) => lives.get(driver)?.end(),
    externalClient: async () => externalClient(broker),
    broker: {
      kill: async () => broker.stop(),
      start: async () => broker.start(),
    },
  };
}

/** A driver's connections, to be cut as if its process had died. */
class Life {
  readonly #connections = new Set<MemoryConnection>();
  #over = false;

  of(driver: Driver): Driver {
    return {
      ...driver,
      connect: async (hooks, call) => {
        if (this.#over) throw unreachable();
        const connection = (await driver.connect(hooks, call)) as MemoryConnection;
        this.#connections.add(connection);
        return connection;
      },
    };
  }

  end(): void {
    this.#over = true;
    for (const connection of this.#connections) connection.break(connectionLost());
  }
}

/** The broker's own interface, with none of Waybill's metadata. */
function externalClient(broker: MemoryBroker): ExternalClient {
  const listeners: ExternalListener[] = [];
  return {
    async publish(to, message) {
      const now = broker.settings.clock.now();
      const [outcome] = await broker.publish(to, [plain(message, now)], () => {});
      if (outcome?.ok === false) throw outcome.cause;
    },
    async listen(from) {
      const listener = await listen(broker, from);
      listeners.push(listener);
      return listener;
    },
    async close() {
      for (const listener of listeners) await listener.close();
    },
  };
}

function plain({ body, headers, key }: ExternalMessage, timestamp: number): WireMessage {
  return {
    id: "",
    publishToken: "",
    body,
    contentType: "",
    key,
    timestamp,
    headers,
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
  };
}

async function listen(broker: MemoryBroker, address: Address): Promise<ExternalListener> {
  const claim = await broker.claim({
    address,
    start: { from: "latest" },
    filter: undefined,
    prefetch: 1,
    prefetchBytes: 1,
  });
  const member = new Member(claim.queue, broker.settings.clock, shortLeaseMs, Number.POSITIVE_INFINITY);
  return {
    async next() {
      const [delivery] = await member.receive(1, AbortSignal.timeout(10_000));
      if (delivery === undefined) throw new Error("No message came.");
      claim.queue.ack(delivery);
      const { body, headers, key } = delivery;
      return key === undefined ? { body, headers } : { body, headers, key };
    },
    async close() {
      member.close(({ redeliveries }) => redeliveries);
      claim.release();
    },
  };
}
