import type { Duplex } from "node:stream";
import { eventLoopTurns } from "@waybill/core/spi";

/**
 * amqplib takes all that has arrived in one go, and every delivery of a connection comes over
 * one socket. Here it finds nothing more while others of this process have their turn, and is
 * told to look again afterwards.
 */
export function readInTurns(stream: Duplex): void {
  const read = stream.read.bind(stream);
  let waits = false;
  let isOwnTurn = false;
  stream.read = (size?: number) => {
    // With a size it is the stream that asks itself.
    if (size !== undefined || isOwnTurn || !(waits || eventLoopTurns.isOver)) {
      isOwnTurn &&= size !== undefined;
      return read(size);
    }
    if (!waits) {
      waits = true;
      void eventLoopTurns.next().then(() => {
        waits = false;
        isOwnTurn = true;
        stream.emit("readable");
        isOwnTurn = false;
      });
    }
    return null;
  };
}
