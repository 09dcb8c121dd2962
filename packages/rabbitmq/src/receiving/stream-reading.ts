import type { StartPosition } from "@waybill/core/spi";
import type { Message, Options } from "amqplib";
import { offsetOf } from "../groups/stream-end.ts";
import type { Replacement } from "./channel-consumers.ts";
import { streamStart } from "./position.ts";

/** Reading a stream from somewhere on, by one consumer after the other. */
export interface StreamReading {
  readonly consume: Options.Consume;
  readonly replacement: Replacement;
  /** Whether a message lies before the start, or was read before. */
  readonly skip: (delivery: { readonly native: Message }) => boolean;
}

/** Each consumer begins behind what the last one was given. */
export function streamReading(start: StartPosition): StreamReading {
  const { argument, skips } = streamStart(start);
  let last = -1;
  const from = (offset: unknown) => ({ arguments: { "x-stream-offset": offset } });
  return {
    consume: from(argument),
    replacement: {
      begins: "after",
      takesAllThatCameBack: false,
      consume: () => from(last < 0 ? argument : last + 1),
    },
    skip({ native }) {
      const offset = offsetOf(native);
      if (offset <= last) return true;
      if (Number.isFinite(offset)) last = offset;
      return skips(native);
    },
  };
}
