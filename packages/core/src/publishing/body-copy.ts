/**
 * Small copies share an array of this many bytes, which lives as long as any of them: an array of its
 * own each costs five times as much. What is published is soon confirmed and gone; what was received is
 * the application's, and came in as a part of what a client read at once.
 */
const sharedBytes = 32_768;
/** Above this, a copy has an array of its own. */
const smallBytes = 4_096;

let shared = new Uint8Array(0);
let used = 0;

/** A copy of bytes that an application may go on to change. */
export function bodyCopy(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length > smallBytes) return Uint8Array.prototype.slice.call(bytes);
  if (used + length > shared.length) {
    shared = new Uint8Array(sharedBytes);
    used = 0;
  }
  // Not by `subarray`, which costs half as much again.
  shared.set(bytes, used);
  const copy = new Uint8Array(shared.buffer, used, length);
  used += length;
  return copy;
}
