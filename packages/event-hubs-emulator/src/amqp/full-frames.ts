import type { ServerConnection } from "./rhea-internals.ts";

/** How many fields each performative has, by its descriptor (AMQP 1.0, part 2.7). */
const FIELDS: ReadonlyMap<number, number> = new Map([
  [0x10, 10], // open
  [0x11, 8], // begin
  [0x12, 14], // attach
  [0x13, 11], // flow
  [0x14, 11], // transfer
  [0x15, 6], // disposition
  [0x16, 3], // detach
  [0x17, 1], // end
  [0x18, 1], // close
]);

/**
 * Has every frame sent with all its fields. Leaving out the last ones is allowed, and
 * rhea does it, but the service does not, and the Python client cannot read such frames.
 */
export function sendFullFrames(connection: ServerConnection): void {
  const { _write_frame } = connection;
  connection._write_frame = (channel, frame, payload) => {
    if (frame !== undefined) {
      const fields = FIELDS.get(frame.constructor.descriptor.numeric) ?? 0;
      if (frame.value.length < fields) frame.value.length = fields;
    }
    _write_frame.call(connection, channel, frame, payload);
  };
}
