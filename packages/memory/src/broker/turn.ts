import { eventLoopTurns } from "@waybill/core/spi";

/** Where the runtime has it: it comes after what is ready by now, without a timer's wait. */
const { setImmediate: immediately } = globalThis as {
  readonly setImmediate?: (callback: () => void) => unknown;
};

/** Resolves after all that can run by now has run. */
export async function turn(): Promise<void> {
  // What waits for the event loop could run by now, had others not been before it.
  do await round();
  while (eventLoopTurns.waiting > 0);
}

function round(): Promise<void> {
  return new Promise((resolve) => {
    if (immediately === undefined) setTimeout(resolve, 0);
    else immediately(resolve);
  });
}
