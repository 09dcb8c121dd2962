import type {
  Address,
  Connection,
  ConnectionHooks,
  Driver,
  Filter,
  StartPosition,
  TopologyItem,
} from "@waybill/core/spi";
import { item, topicOf } from "./addresses.ts";
import { call } from "./deliveries.ts";

export * from "./addresses.ts";
export * from "./deliveries.ts";
export * from "./messages.ts";
export * from "./waiting.ts";

/** Where reading begins and what it leaves out; unless given, at the end and nothing. */
interface Reading {
  readonly start?: StartPosition;
  readonly filter?: Filter;
}

/**
 * Connections and addresses of a test on a real broker, made through the SPI as core
 * would, and taken away after it. An adapter's own bench says which driver, and adds
 * its vendor's plain client where tests must look behind the adapter.
 *
 *     const bench = new KafkaBench();
 *     afterEach(() => bench.end());
 */
export abstract class Workbench<Options extends object> {
  /** What connections have told of their end. */
  readonly lost: unknown[] = [];
  /** What connections have told of trouble in the background. */
  readonly reports: unknown[] = [];
  readonly #connections: Connection[] = [];
  readonly #addresses = new Set<Address>();
  #names = 0;

  /** A driver for the broker under test. */
  abstract driver(options?: Partial<Options>): Driver;

  async connect(options: Partial<Options> = {}, driver = this.driver(options)): Promise<Connection> {
    const hooks: ConnectionHooks = {
      lost: (cause) => void this.lost.push(cause),
      report: (cause) => void this.reports.push(cause),
    };
    const connection = await driver.connect(hooks, call);
    this.#connections.push(connection);
    return connection;
  }

  /** An address with a name that nobody else has. It need not exist; if it does in the end, it is taken away. */
  address(kind: Address["kind"], fields: Partial<Address> = {}): Address {
    const { name = `test.${process.pid}-${Date.now().toString(36)}-${++this.#names}` } = fields;
    const group = kind === "group" ? (fields.group ?? "billing") : undefined;
    const { naming } = this.driver();
    const address: Address = {
      kind,
      name,
      group,
      brokerName: naming.toBrokerName(name, kind) ?? name,
      brokerGroup: group && naming.toBrokerName(group, "group"),
      ordered: false,
      retained: false,
      ...fields,
    };
    this.#addresses.add(address);
    return address;
  }

  /** Makes these, which need not come from `address`. */
  async ensure(connection: Connection, ...items: readonly TopologyItem[]): Promise<void> {
    for (const { address } of items) this.#addresses.add(address);
    await connection.topology.ensure(items, call);
  }

  /** An address that exists. */
  async made(
    connection: Connection,
    kind: Address["kind"],
    { start, filter, ...fields }: Partial<Address> & Reading = {},
  ): Promise<Address> {
    const address = this.address(kind, fields);
    await this.ensure(connection, item(address, start, filter));
    return address;
  }

  /** Takes everything away and is ready for the next test. */
  async end(): Promise<void> {
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()));
    const addresses = [...this.#addresses];
    this.#addresses.clear();
    if (addresses.length > 0) await this.#remove(addresses);
    this.lost.length = 0;
    this.reports.length = 0;
  }

  async #remove(addresses: readonly Address[]): Promise<void> {
    const connection = await this.connect();
    const topics = new Map<string, Address>();
    for (const address of addresses) {
      const topic = address.kind === "group" ? topicOf(address) : address;
      topics.set(`${topic.kind} ${topic.brokerName}`, topic);
      // A broker may keep a group until a member that died in the test is missed. Its topic goes all the same.
      if (address.kind === "group") await connection.topology.remove([address], call).catch(() => undefined);
    }
    await connection.topology.remove([...topics.values()], call);
    await connection.close();
    this.#connections.length = 0;
  }
}
