/** Where the runtime has it: it comes after what is ready by now, without a timer's wait. */
const { setImmediate: immediately } = globalThis as {
  readonly setImmediate?: (callback: () => void) => unknown;
};

/** Resolves after all that can run by now has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (immediately === undefined) setTimeout(resolve, 0);
    else immediately(resolve);
  });
}
