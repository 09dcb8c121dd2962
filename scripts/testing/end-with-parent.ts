/** How often is looked, in milliseconds. */
const intervalMs = 1_000;

/** Ends this process when the one that started it is gone, so that a killed run leaves no tests at work behind. */
export function endWithParent(): void {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, intervalMs);
  watch.unref();
}
