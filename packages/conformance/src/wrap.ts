import type { Connection, ConnectionHooks, Consumer, Driver, Source } from "@waybill/core/spi";

/** What to put in place of a driver's own methods. Each replacement gets the original to call on. */
export interface Replacements {
  /** Before each attempt to connect; a throw is a failed attempt. */
  readonly connecting?: () => void;
  readonly hooks?: (hooks: ConnectionHooks) => ConnectionHooks;
  readonly connection?: (connection: Connection) => Partial<Connection>;
  readonly consumer?: (consumer: Consumer, from: Source) => Partial<Consumer>;
}

/**
 * A driver like the one given but for what is replaced. Delegates method by
 * method, so that drivers may be classes with private fields.
 */
export function wrapDriver(driver: Driver, replacements: Replacements): Driver {
  return {
    specVersion: "1",
    name: driver.name,
    capabilities: driver.capabilities,
    naming: driver.naming,
    classify: (cause) => driver.classify(cause),
    async connect(hooks, call) {
      replacements.connecting?.();
      const own = await driver.connect(replacements.hooks?.(hooks) ?? hooks, call);
      return wrapConnection(own, replacements);
    },
  };
}

function wrapConnection(own: Connection, { connection, consumer }: Replacements): Connection {
  const { broker } = own;
  const base: Connection = {
    get native() {
      return own.native;
    },
    ...(broker === undefined ? {} : { broker }),
    publish: (to, batch, call) => own.publish(to, batch, call),
    consume: async (from, hooks, call) => {
      const inner = await own.consume(from, hooks, call);
      return consumer === undefined ? inner : wrapConsumer(inner, consumer(inner, from));
    },
    topology: {
      ensure: (items, call) => own.topology.ensure(items, call),
      inspect: (addresses, call) => own.topology.inspect(addresses, call),
      remove: (addresses, call) => own.topology.remove(addresses, call),
    },
    ...(own.brokerTime === undefined ? {} : { brokerTime: () => own.brokerTime?.() }),
    close: () => own.close(),
  };
  // `native` is a getter, so properties are copied over the base and not spread with it.
  return connection === undefined ? base : Object.assign(base, connection(own));
}

/** A consumer like the one given but for what is replaced. */
export function wrapConsumer(own: Consumer, replaced: Partial<Consumer>): Consumer {
  return {
    receive: (max, call) => own.receive(max, call),
    settle: (batch, call) => own.settle(batch, call),
    ...(own.extend === undefined ? {} : { extend: own.extend.bind(own) }),
    ...(own.pausePartitions === undefined
      ? {}
      : { pausePartitions: (partitions: readonly string[]) => own.pausePartitions?.(partitions) }),
    ...(own.setPrefetch === undefined ? {} : { setPrefetch: own.setPrefetch.bind(own) }),
    ...(own.setRedeliveries === undefined ? {} : { setRedeliveries: own.setRedeliveries.bind(own) }),
    close: (options) => own.close(options),
    ...replaced,
  };
}
