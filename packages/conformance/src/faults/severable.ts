import { MessagingError } from "@waybill/core";
import type { ConnectionHooks, Driver } from "@waybill/core/spi";
import { nothingStarted } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";

/** A driver whose connections can be cut, as its own client would tell of it. */
export interface Severable {
  readonly driver: Driver;
  /** Connections made so far. */
  readonly connected: () => number;
  /** Ends every connection: what is under way rejects, and core hears `lost`. */
  sever(): void;
  /** Severs, and lets nobody connect until `up`. */
  down(): void;
  up(): void;
  /** Attempts to connect so far, those in vain included. */
  readonly attempts: () => number;
}

/**
 * For what a lost connection means to core, on any broker, embedded ones too:
 * calls that were under way may have reached the broker or not, and what was
 * delivered and not settled is someone else's.
 */
export function severable(driver: Driver): Severable {
  const cuts = new Set<() => void>();
  let connected = 0;
  let attempts = 0;
  let down = false;

  async function connect(hooks: ConnectionHooks, call: Parameters<Driver["connect"]>[1]) {
    attempts++;
    if (down) throw new MessagingError("UNREACHABLE", "The suite lets nobody connect.");
    const severed = Promise.withResolvers<never>();
    severed.promise.catch(() => undefined);
    let dead = false;
    // Answers take a turn of the event loop, so that a cut can lose them with an embedded broker too.
    const orSevered = <T>(work: Promise<T>) => Promise.race([work.then(aTurnLater), severed.promise]);

    const consuming = wrapDriver(driver, {
      consumer: (own) => ({
        receive: (max, context) => orSevered(own.receive(max, context)),
        settle: (batch, context) => orSevered(own.settle(batch, context)),
        close: async () => {
          if (!dead) await own.close(nothingStarted);
        },
      }),
    });
    const wrapped = wrapDriver(consuming, {
      // What a connection still says while it ends after the cut is of no interest.
      hooks: (own) => ({
        lost: (cause) => !dead && own.lost(cause),
        report: (cause) => !dead && own.report(cause),
      }),
      connection: (own) => ({
        publish: (to, batch, context) => orSevered(own.publish(to, batch, context)),
        close: async () => {
          cuts.delete(cut);
          if (!dead) await own.close();
        },
      }),
    });
    const connection = await wrapped.connect(hooks, call);
    const close = connection.close;
    function cut() {
      cuts.delete(cut);
      void close();
      dead = true;
      const cause = new MessagingError("CONNECTION_LOST", "The suite cut the connection.");
      severed.reject(cause);
      hooks.lost(cause);
    }
    cuts.add(cut);
    connected++;
    return connection;
  }

  function sever() {
    for (const cut of [...cuts]) cut();
  }

  return {
    driver: {
      specVersion: "1",
      name: driver.name,
      capabilities: driver.capabilities,
      naming: driver.naming,
      classify: (cause) => driver.classify(cause),
      connect,
    },
    connected: () => connected,
    attempts: () => attempts,
    sever,
    down: () => {
      down = true;
      sever();
    },
    up: () => {
      down = false;
    },
  };
}

const aTurnLater = <T>(answer: T) => new Promise<T>((resolve) => setImmediate(resolve, answer));
