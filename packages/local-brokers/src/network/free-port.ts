import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range systems take outgoing ports from (Linux from 32768, others from 49152), so that no
// connection can sit on the port while a killed broker is being started again.
const lowest = 20_000;
const highest = 30_000;

/** Given to somebody who may not listen there yet. */
const given = new Set<number>();

/** A port on 127.0.0.1 that nobody listens on now, and that this process has given to nobody else. */
export async function findFreePort(): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
