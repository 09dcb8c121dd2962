/** Reads back what the writer writes, as `cmsgpack` would: arrays and strings with 32-bit lengths. */
export function unpackedMessage(bytes: Buffer): unknown {
  let at = 0;
  const next = (): unknown => {
    const type = bytes[at];
    const length = bytes.readUInt32BE(at + 1);
    at += 5;
    if (type === 0xdd) return Array.from({ length }, next);
    if (type !== 0xdb) throw new Error(`unexpected type ${type}`);
    at += length;
    return bytes.subarray(at - length, at);
  };
  const value = next();
  if (at !== bytes.length) throw new Error("trailing bytes");
  return value;
}
