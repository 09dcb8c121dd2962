export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until it is so, and fails if it takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
  otherwise: () => string = () => String(condition),
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It did not come true in ${timeoutMs} ms: ${otherwise()}`);
    await sleep(20);
  }
}
