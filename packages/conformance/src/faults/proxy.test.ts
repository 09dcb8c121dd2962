import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FaultProxy, openProxy } from "./proxy.ts";

/** Gives back what it gets, and remembers it. */
class EchoServer {
  readonly sockets = new Set<Socket>();
  received = "";
  ended = 0;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("data", (bytes) => {
        this.received += bytes.toString("latin1");
        socket.write(bytes);
      });
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.ended++;
        this.sockets.delete(socket);
      });
    });
  }

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  kill() {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** A client that collects what comes back and what becomes of its socket. */
class Caller {
  readonly socket: Socket;
  replies = "";
  error: NodeJS.ErrnoException | undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect({ host: "127.0.0.1", port, noDelay: true });
    this.socket.on("data", (bytes) => {
      this.replies += bytes.toString("latin1");
    });
    this.socket.on("error", (error) => {
      this.error = error;
    });
    this.socket.on("close", () => {
      this.closed = true;
    });
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the fault proxy", () => {
  let echo: EchoServer;
  let proxy: FaultProxy;
  let callers: Caller[];

  beforeEach(async () => {
    echo = new EchoServer();
    proxy = await openProxy(await echo.start());
    callers = [];
  });

  afterEach(async () => {
    for (const caller of callers) caller.socket.destroy();
    await proxy.close();
    echo.kill();
  });

  async function call(): Promise<Caller> {
    const caller = new Caller(proxy.endpoint.port);
    callers.push(caller);
    await once(caller.socket, "connect");
    return caller;
  }

  test("passes bytes both ways, a large body included", async () => {
    const caller = await call();
    const body = "0123456789abcdef".repeat(300_000);
    caller.socket.write(body, "latin1");
    await expect.poll(() => caller.replies.length, { timeout: 10_000 }).toBe(body.length);
    expect(caller.replies).toBe(body);
    expect(proxy.connections).toBe(1);
  });

  test("passes on a clean end in both directions", async () => {
    const caller = await call();
    caller.socket.end("bye");
    await expect.poll(() => caller.closed).toBe(true);
    expect(caller.replies).toBe("bye");
    expect(caller.error).toBeUndefined();
    await expect.poll(() => proxy.connections).toBe(0);
  });

  test("a reset is seen as ECONNRESET, and new connections are fine", async () => {
    const caller = await call();
    caller.socket.write("a");
    await expect.poll(() => caller.replies).toBe("a");
    proxy.reset();
    await expect.poll(() => caller.closed).toBe(true);
    expect(caller.error?.code).toBe("ECONNRESET");
    await expect.poll(() => echo.ended).toBe(1);

    const next = await call();
    next.socket.write("b");
    await expect.poll(() => next.replies).toBe("b");
  });

  test("half-open: bytes vanish both ways, sockets stay, and the end of one is not told to the other", async () => {
    const caller = await call();
    caller.socket.write("a");
    await expect.poll(() => caller.replies).toBe("a");
    proxy.halfOpen();
    caller.socket.write("lost");
    for (const socket of echo.sockets) socket.write("lost too");
    await pause(100);
    expect(echo.received).toBe("a");
    expect(caller.replies).toBe("a");
    expect(caller.closed).toBe(false);

    await proxy.heal();
    caller.socket.write("still lost");
    caller.socket.destroy();
    await pause(100);
    expect(echo.received).toBe("a");
    expect(echo.ended).toBe(0);

    const next = await call();
    next.socket.write("b");
    await expect.poll(() => next.replies).toBe("b");
  });

  test("half-open: a new connection opens and stays silent", async () => {
    proxy.halfOpen();
    const caller = await call();
    caller.socket.write("lost");
    await pause(100);
    expect(echo.received).toBe("");
    expect(caller.closed).toBe(false);
  });

  test("dropped replies: requests arrive, answers vanish, and the broker's death is a reset", async () => {
    const caller = await call();
    caller.socket.write("a");
    await expect.poll(() => caller.replies).toBe("a");
    proxy.dropReplies();
    caller.socket.write("b");
    await expect.poll(() => echo.received).toBe("ab");
    await pause(50);
    expect(caller.replies).toBe("a");
    echo.kill();
    await expect.poll(() => caller.closed).toBe(true);
    expect(caller.error?.code).toBe("ECONNRESET");
  });

  test("latency: a round trip takes that much longer, in order", async () => {
    const caller = await call();
    proxy.latency(200);
    const before = performance.now();
    for (let i = 0; i < 10; i++) caller.socket.write(String(i));
    await expect.poll(() => caller.replies.length, { interval: 5 }).toBe(10);
    const took = performance.now() - before;
    expect(caller.replies).toBe("0123456789");
    expect(took).toBeGreaterThanOrEqual(195);
    expect(took).toBeLessThan(600);
  });

  test("latency that ends does not let later bytes overtake", async () => {
    const caller = await call();
    proxy.latency(200);
    caller.socket.write("first ");
    await pause(20);
    await proxy.heal();
    caller.socket.write("second");
    await expect.poll(() => caller.replies).toBe("first second");
  });

  test("bandwidth: bytes trickle at the rate", async () => {
    const caller = await call();
    proxy.bandwidth(64_000);
    const before = performance.now();
    caller.socket.write("x".repeat(32_000));
    await expect.poll(() => caller.replies.length, { timeout: 5000, interval: 10 }).toBe(32_000);
    const took = performance.now() - before;
    expect(took).toBeGreaterThan(450);
    expect(took).toBeLessThan(1500);
  });

  test("refuses connections, then listens on the same port again", async () => {
    const caller = await call();
    proxy.refuse();
    const refused = new Caller(proxy.endpoint.port);
    callers.push(refused);
    await expect.poll(() => refused.error?.code).toBe("ECONNREFUSED");
    await expect.poll(() => caller.closed).toBe(true);
    await proxy.heal();
    const next = await call();
    next.socket.write("b");
    await expect.poll(() => next.replies).toBe("b");
  });

  test("a broker that is not there looks like a broken connection", async () => {
    echo.kill();
    const caller = await call();
    await expect.poll(() => caller.closed).toBe(true);
  });
});
