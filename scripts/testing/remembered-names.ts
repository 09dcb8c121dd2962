import { liveBytes } from "../../packages/conformance/src/heap.ts";

/** Long, so that a thousand times of what is remembered are few enough to be tried. */
const padding = "x".repeat(20_000);

/** The last of these names. */
export const newestName = nameOf(0);

/** Many times as many names as fit into so many bytes, the newest last. */
export function* namesWithoutEnd(bytes: number, times = 1_000): Generator<string> {
  for (let left = Math.ceil((times * bytes) / (2 * padding.length)); left >= 0; left--) yield nameOf(left);
}

/** How many bytes of memory what `make` returns takes. */
export function bytesTaken(make: () => unknown): number {
  const before = liveBytes();
  const made = [make()];
  const taken = liveBytes() - before;
  made.pop();
  return taken;
}

function nameOf(left: number): string {
  return `${left} ${padding}`;
}
