/** What an AMQP 0.9.1 client says first. */
export const protocolHeader = Buffer.from("AMQP\x00\x00\x09\x01", "latin1");

const methodFrame = 1;
const frameHeaderSize = 7;
/** The class and the method of `connection.start`. */
const connectionStart = Buffer.from("000a000a", "hex");

/** Whether the first frame, or a bare protocol header in refusal, has arrived in full. */
export function isWholeStart(received: Buffer): boolean {
  if (received.toString("latin1", 0, 4) === "AMQP") return received.length >= 8;
  return received.length >= frameHeaderSize && received.length > frameHeaderSize + received.readUInt32BE(3);
}

/**
 * Reads the server's first frame, `connection.start`; null if it is none. The version is RabbitMQ's own; another
 * AMQP server may tell none.
 */
export function readConnectionStart(received: Buffer): { version: string | null } | null {
  if (!isWholeStart(received) || received.readUInt8(0) !== methodFrame) return null;
  const method = received.subarray(frameHeaderSize, frameHeaderSize + connectionStart.length);
  return method.equals(connectionStart) ? { version: longString(received, "version") } : null;
}

/** A string of the server's properties: the key with its length, `S`, the length of the value, the value. */
function longString(frame: Buffer, key: string): string | null {
  const at = frame.indexOf(`${String.fromCharCode(key.length)}${key}S`, frameHeaderSize, "latin1");
  if (at < 0) return null;
  const start = at + key.length + 2;
  if (start + 4 > frame.length) return null;
  return frame.toString("utf8", start + 4, start + 4 + frame.readUInt32BE(start));
}
