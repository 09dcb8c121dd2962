/**
 * The partition that the service gives a key, of so many: Bob Jenkins' lookup3 over its
 * UTF-8 bytes, both halves folded into 16 bits (as in the clients' buffered producers,
 * which choose partitions themselves too).
 */
export function partitionOfKey(key: string, partitions: number): number {
  const [low, high] = lookup3(Buffer.from(key));
  const folded = ((low ^ high) << 16) >> 16;
  return Math.abs(folded % partitions);
}

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by));

/** https://burtleburtle.net/bob/c/lookup3.c, `hashlittle2` with seeds of zero. */
function lookup3(data: Buffer): [number, number] {
  let a = (0xdeadbeef + data.length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = data.length;
  for (; left > 12; left -= 12, at += 12) {
    a = (a + data.readInt32LE(at)) | 0;
    b = (b + data.readInt32LE(at + 4)) | 0;
    c = (c + data.readInt32LE(at + 8)) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (left === 0) return [b, c];
  // What is missing of the last twelve bytes counts as zero.
  const last = Buffer.alloc(12);
  data.copy(last, 0, at);
  a = (a + last.readInt32LE(0)) | 0;
  b = (b + last.readInt32LE(4)) | 0;
  c = (c + last.readInt32LE(8)) | 0;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return [b, c];
}
