import { eventLoopTurns } from "@waybill/core/spi";

/** As much of a socket as reading in turns takes. */
export interface ReadableSocket {
  on(event: "data", listener: () => void): unknown;
  once(event: "close", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** Every socket of this process on which a subscription reads. */
const sockets = new Set<ReadableSocket>();
let arePaused = false;

/**
 * Lets this socket read only while the event loop has time for it. Whatever has arrived is
 * parsed at once, and hundreds of subscriptions may be told of the same messages at the same
 * moment: as soon as some have used up the turn, the others wait for the next one.
 */
export function readInTurns(socket: ReadableSocket): void {
  sockets.add(socket);
  socket.on("data", pauseUnlessThereIsTime);
  socket.once("close", () => sockets.delete(socket));
  if (arePaused) socket.pause();
}

function pauseUnlessThereIsTime(): void {
  if (arePaused || !eventLoopTurns.isOver) return;
  arePaused = true;
  // Those that have something by now too are passed over from here on.
  for (const socket of sockets) socket.pause();
  void eventLoopTurns.next().then(() => {
    arePaused = false;
    for (const socket of sockets) socket.resume();
  });
}
