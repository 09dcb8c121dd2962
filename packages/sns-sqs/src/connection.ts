import { type Call, type Connection, type ConnectionHooks, MessagingError } from "@waybill/core/spi";
import { SnsSqsConsumer } from "./consumer.ts";
import type { SnsSqsSettings } from "./options.ts";
import { SnsSqsTopology } from "./topology.ts";

/** One attempt to connect; core repeats. */
export async function connect(
  { server }: SnsSqsSettings,
  _hooks: ConnectionHooks,
  _call: Call,
): Promise<Connection> {
  if (server !== undefined) throw new MessagingError("UNREACHABLE", `There is no client for ${server} yet.`);
  return {
    native: undefined,
    publish: async (_to, batch) => batch.map(() => ({ ok: false, cause: new Error("not written yet") })),
    consume: async () => new SnsSqsConsumer(),
    topology: new SnsSqsTopology(),
    close: async () => {},
  };
}
