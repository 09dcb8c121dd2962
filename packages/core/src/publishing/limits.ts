import { MessagingError } from "../errors/messaging-error.ts";
import { utf8Length } from "../runtime/utf8-length.ts";
import type { Capabilities } from "../spi/capabilities.ts";
import type { WireMessage } from "../spi/message.ts";
import { headerBytes, wireSize } from "../spi/wire-size.ts";

/**
 * Refuses what is over the broker's limits. Returns the size in bytes.
 * @throws MessagingError `MESSAGE_TOO_LARGE`
 */
export function checkLimits(message: WireMessage, capabilities: Capabilities, destination: string): number {
  const { limits } = capabilities;
  const overheadBytes = limits.headers?.overheadBytes;
  const size = wireSize(message, overheadBytes);
  if (size > limits.messageBytes) {
    throw new MessagingError(
      "MESSAGE_TOO_LARGE",
      `A message of ${size} bytes for "${destination}" is over the limit of ${limits.messageBytes}.`,
      {
        remedy: "Send less, or send a reference to where the data is.",
        details: { size, limit: limits.messageBytes },
      },
    );
  }
  if (limits.headerBytes !== undefined) {
    const bytes = headerBytes(message.headers, overheadBytes);
    if (bytes > limits.headerBytes) {
      throw new MessagingError(
        "MESSAGE_TOO_LARGE",
        `Headers of ${bytes} bytes for "${destination}" are over the limit of ${limits.headerBytes}.`,
        { remedy: "Move data into the body.", details: { size: bytes, limit: limits.headerBytes } },
      );
    }
  }
  if (
    limits.keyBytes !== undefined &&
    message.key !== undefined &&
    utf8Length(message.key) > limits.keyBytes
  ) {
    throw new MessagingError(
      "MESSAGE_TOO_LARGE",
      `The ordering key for "${destination}" is over the limit of ${limits.keyBytes} bytes.`,
      { remedy: "Use a shorter key, such as a hash of it.", details: { limit: limits.keyBytes } },
    );
  }
  return size;
}
