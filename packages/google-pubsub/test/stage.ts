import type { Connection, ConnectionHooks } from "@waybill/core/spi";
import { addressOf, call } from "../../../scripts/testing/workbench.ts";
import { type GooglePubsubOptions, googlePubsub } from "../src/index.ts";
import { FakeService, type Handler } from "./fake-service.ts";

export const queue = addressOf("queue", "jobs");

/** Connections to a service that is played, made through the SPI as core would. */
export class Stage {
  service = new FakeService();
  /** What connections have told of their end. */
  readonly lost: unknown[] = [];
  readonly #connections: Connection[] = [];

  async connected(
    handlers: Record<string, Handler> = {},
    options: GooglePubsubOptions = {},
  ): Promise<Connection> {
    this.service = new FakeService(handlers);
    await this.service.start();
    const hooks: ConnectionHooks = { lost: (cause) => void this.lost.push(cause), report: () => {} };
    const driver = googlePubsub({ client: this.service.client(), ...options });
    const connection = await driver.connect(hooks, call);
    this.#connections.push(connection);
    return connection;
  }

  /** Is ready for the next test. */
  async end(): Promise<void> {
    await Promise.all(this.#connections.splice(0).map((connection) => connection.close()));
    this.service.stop();
    this.lost.length = 0;
  }
}

export const bodiesOf = (messages: unknown) =>
  (messages as { data: Uint8Array }[]).map(({ data }) => Buffer.from(data).toString());
