/** Told whether the reply is on its way, or has been given up. */
type Step = (isOnItsWay: boolean) => Promise<void> | void;

/** What waits for the replies to requests, by their deliveries. */
const waiting = new WeakMap<object, Step[]>();

/** From now on this delivery is a request whose reply is still to be sent. */
export function expectReply(delivery: object): void {
  waiting.set(delivery, []);
}

/** Has a step done when the reply to a request has been sent or given up. False where none is awaited, any more or at all. */
export function afterReply(delivery: object, step: Step): boolean {
  return waiting.get(delivery)?.push(step) !== undefined;
}

/** Does what has waited for this reply; a step that fails is told of and keeps no other from being done. */
export async function replyEnded(
  delivery: object,
  isOnItsWay: boolean,
  onError: (cause: unknown) => void,
): Promise<void> {
  const steps = waiting.get(delivery) ?? [];
  waiting.delete(delivery);
  for (const step of steps) {
    try {
      await step(isOnItsWay);
    } catch (cause) {
      onError(cause);
    }
  }
}
