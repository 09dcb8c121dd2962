import { type Call, type Connection, type ConnectionHooks, MessagingError } from "@waybill/core/spi";
import { EventHubsConsumer } from "./consumer.ts";
import type { EventHubsSettings } from "./options.ts";
import { EventHubsTopology } from "./topology.ts";

/** One attempt to connect; core repeats. */
export async function connect(
  { server }: EventHubsSettings,
  _hooks: ConnectionHooks,
  _call: Call,
): Promise<Connection> {
  if (server !== undefined) throw new MessagingError("UNREACHABLE", `There is no client for ${server} yet.`);
  return {
    native: undefined,
    publish: async (_to, batch) => batch.map(() => ({ ok: false, cause: new Error("not written yet") })),
    consume: async () => new EventHubsConsumer(),
    topology: new EventHubsTopology(),
    close: async () => {},
  };
}
