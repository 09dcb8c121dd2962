import rhea from "rhea";
import type { PublisherLink } from "./publisher-link.ts";
import type { ReceiverLink } from "./receiver-link.ts";
import type { ServerConnection, ServerSession } from "./rhea-internals.ts";
import { MAX_FRAME_SIZE } from "./transfer-writer.ts";

/** Sessions that one connection may have. */
const MAX_SESSIONS = 5000;

/** Links, by number, that one session may have; some clients want to be told. */
const HANDLE_MAX = 1023;

/** A peer that breaks the protocol or asks for too much; ends its connection. */
class Misbehaviour extends Error {
  override name = "ProtocolError";
}

/** Items of an array that take no bytes each; nobody needs many. */
const MAX_EMPTY_ITEMS = 10_000;

interface ArrayReader {
  read_array_items(count: number, type: { width: number }): unknown[];
}

/**
 * Thirteen bytes can announce an array of four billion nulls, and rhea would make
 * it. All decoding in this process goes through this one method.
 */
function guardArrays(reader: ArrayReader): void {
  const { read_array_items } = reader;
  reader.read_array_items = function (this: ArrayReader, count, type) {
    if (type.width === 0 && count > MAX_EMPTY_ITEMS) throw new Misbehaviour("An array has too many items");
    return read_array_items.call(this, count, type);
  };
}

guardArrays((rhea.types as unknown as { Reader: { prototype: ArrayReader } }).Reader.prototype);

/** rhea reads frames of any announced size; this does not. */
export function guardConnection(connection: ServerConnection): void {
  const { input } = connection;
  connection.input = (bytes: Buffer): void => {
    connection.socket.cork();
    input.call(connection, bytes);
    // After what rhea has put off to the end of this turn, so that an attach and the credit with it arrive as one.
    process.nextTick(() => connection.socket.uncork());
    if ((connection.frame_size ?? 0) > MAX_FRAME_SIZE) connection.socket.destroy();
  };
}

/** Looks at frames of a session before rhea does, and tells readers of a wider window. */
export function guardSession(
  session: ServerSession,
  linkOf: (link: unknown) => PublisherLink | ReceiverLink | undefined,
): void {
  if (Object.keys(session.connection.local_channel_map).length > MAX_SESSIONS) {
    throw new Misbehaviour("A connection has too many sessions");
  }
  session.local.begin.handle_max = HANDLE_MAX;
  const { on_transfer, on_disposition, on_flow } = session;
  session.on_transfer = (frame) => {
    const link = linkOf(session._get_link(frame));
    if (link?.kind === "publish") link.inspect(frame);
    on_transfer.call(session, frame);
  };
  session.on_disposition = (frame) => {
    const { first, last } = frame.performative;
    if ((last ?? first) - first > 100_000) throw new Misbehaviour("A disposition is for too many deliveries");
    on_disposition.call(session, frame);
  };
  session.on_flow = (frame) => {
    on_flow.call(session, frame);
    if (frame.performative.handle !== undefined && frame.performative.handle !== null) return;
    for (const link of Object.values(session.links)) {
      const found = linkOf(link);
      if (found?.kind === "receive") found.resume();
    }
  };
}
