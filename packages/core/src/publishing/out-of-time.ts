import { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";

/** A message that was not confirmed in its time. `cause` is why it had to go out again, if it had. */
export function outOfTime(to: Address, timeoutMs: number, cause: MessagingError | undefined): MessagingError {
  return new MessagingError("TIMEOUT", `"${to.name}" did not confirm a message within ${timeoutMs} ms.`, {
    remedy: "Publish it again with the same id if it must arrive: it may have been stored all the same.",
    cause,
  });
}
