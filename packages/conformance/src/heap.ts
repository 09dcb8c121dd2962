import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes in use by JavaScript and by its buffers, once what nobody needs is collected. */
export function liveBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** The same once it no longer changes: timers of what has ended hold on to memory for a moment. */
export async function settledBytes(): Promise<number> {
  let before = liveBytes();
  for (let looks = 0; looks < 25; looks++) {
    await sleep(200);
    const now = liveBytes();
    if (Math.abs(now - before) < 2 ** 20) return now;
    before = now;
  }
  return before;
}

let collect: (() => void) | undefined;

function collectGarbage(): void {
  if (collect === undefined) {
    // The flag takes effect for contexts made after it, so the function comes from a new one.
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  // Buffers are swept behind the first collection's back, and the next one waits for that.
  collect();
}
