import type { Socket } from "node:net";
import kafkajs from "kafkajs";
import type { Host } from "./broker-addresses.ts";
import {
  apiKeys,
  type Broker,
  type BrokerPool,
  type Connection,
  type Encoded,
  type RequestQueue,
  requests,
} from "./kafkajs-internals.ts";

/** Exported by kafkajs, but missing from its types. */
const { KafkaJSConnectionClosedError: ConnectionClosedError } = kafkajs as unknown as {
  KafkaJSConnectionClosedError: new (message: string, at: { host: string; port: number }) => Error;
};

export interface RepairOptions {
  readonly bootstrap: readonly Host[];
  readonly connectTimeoutMs: number;
  readonly isClosed: () => boolean;
}

/**
 * Repairs, for one cluster object, what is known to be wrong in kafkajs 2.2.4. Its
 * prototypes are not touched: an application's own use of kafkajs is its own.
 */
export function repair(pool: BrokerPool, options: RepairOptions): void {
  const { bootstrap, connectTimeoutMs, isClosed } = options;
  const { connectionPoolBuilder } = pool;
  const build = connectionPoolBuilder.build.bind(connectionPoolBuilder);
  let turn = Math.floor(Math.random() * bootstrap.length);
  connectionPoolBuilder.build = async (destination = {}) => {
    // kafkajs splits "host:port" at the first colon, which breaks IPv6 addresses.
    const to = destination.host === undefined ? (bootstrap[turn++ % bootstrap.length] as Host) : destination;
    const built = await build(to);
    for (const connection of built.pool) repairConnection(connection, connectTimeoutMs, isClosed);
    return built;
  };
  const createBroker = pool.createBroker.bind(pool);
  pool.createBroker = (options) => {
    const broker = createBroker(options);
    askForNoTopics(broker);
    return broker;
  };
}

/** Ends a connection at once, and what waits on it. */
export function sever(connection: Connection, why: string): void {
  const error = connectionClosed(connection, why);
  connection.requestQueue.rejectAll(error);
  connection.socket?.destroy(error);
  connection.disconnect().catch(() => {});
}

function connectionClosed({ host, port }: Connection, why: string): Error {
  return new ConnectionClosedError(why, { host, port });
}

function repairConnection(connection: Connection, connectTimeoutMs: number, isClosed: () => boolean): void {
  repairQueue(connection.requestQueue);
  repairReading(connection);
  repairLogin(connection, connectTimeoutMs);

  // Two requests that find the connection gone would each make a socket, and mix their answers.
  const connect = connection.connect.bind(connection);
  let connecting: Promise<unknown> | undefined;
  connection.connect = () => {
    if (isClosed()) return Promise.reject(new kafkajs.KafkaJSConnectionError("The client is closed"));
    connecting ??= inTime(connect(), connectTimeoutMs).finally(() => {
      connecting = undefined;
      if (isClosed()) sever(connection, "The client is closed");
    });
    return connecting;
  };

  const disconnect = connection.disconnect.bind(connection);
  connection.disconnect = async () => {
    // It waits for the answers to all requests, and no longer watches their time: for a silent peer, for ever.
    connection.requestQueue.rejectAll(connectionClosed(connection, "The connection was closed"));
    // Told of a clean end only: after a reset it would wait for ever for the answer to its login.
    connection.authHandlers?.onError();
    await disconnect();
    // Only half closed, it would go on reading, into the midst of what the next socket reads.
    connection.socket?.destroySoon();
    // A dead socket takes "unref" for a wish to be granted when it connects, and keeps every one of them.
    if (connection.socket?.destroyed) connection.socket.removeAllListeners("connect");
  };

  // A timed-out request fails alone, and the next one goes to the same dead peer: start anew instead.
  const send = connection.send.bind(connection);
  connection.send = async (call) => {
    try {
      return await send(call);
    } catch (error) {
      if ((error as Error).name === "KafkaJSRequestTimeoutError")
        sever(connection, "The broker stopped answering");
      throw error;
    }
  };
}

const sizeLength = 4;

/**
 * A connection that breaks off in the middle of an answer keeps that half, and takes what the next
 * socket brings for the rest of it: from then on no answer is understood, or the process ends with
 * a RangeError out of the socket's event.
 */
function repairReading(connection: Connection): void {
  const processData = connection.processData.bind(connection);
  let reading: Socket | undefined;
  connection.processData = (data) => {
    if (reading !== connection.socket) {
      reading = connection.socket;
      connection.chunks = [];
      connection.bytesBuffered = 0;
      connection.bytesNeeded = sizeLength;
    }
    try {
      processData(data);
    } catch (error) {
      sever(connection, `The broker's answer cannot be read: ${(error as Error).message}`);
    }
  };
}

/** No time limit holds for the requests of a login: a peer that falls silent during one would be waited for without end. */
function repairLogin(connection: Connection, timeoutMs: number): void {
  const sendAuthRequest = connection.sendAuthRequest.bind(connection);
  connection.sendAuthRequest = async (call) => {
    const giveUp = () => sever(connection, "The broker stopped answering during the login");
    const timer = setTimeout(giveUp, timeoutMs);
    return sendAuthRequest(call).finally(() => clearTimeout(timer));
  };
}

/** A peer that ends the connection during the TLS handshake leaves kafkajs waiting without a limit. */
function inTime<T>(connecting: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new kafkajs.KafkaJSConnectionError("Connection timeout"));
    // A little later than kafkajs's own timer, whose error says more.
    const timer = setTimeout(late, ms + 500);
    connecting.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * The queue sets a timer even when nothing waits and no throttle holds: one with a
 * negative time, again and again, and Node 24 warns of each
 * (https://github.com/tulios/kafkajs/issues/1751).
 */
function repairQueue(queue: RequestQueue): void {
  queue.scheduleCheckPendingRequests = () => {
    if (queue.throttleCheckTimeoutId !== null || queue.pending.length === 0) return;
    const throttledMs = queue.throttledUntil - Date.now();
    queue.throttleCheckTimeoutId = setTimeout(
      () => {
        queue.throttleCheckTimeoutId = null;
        queue.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : 10,
    );
  };
}

/** kafkajs takes "no topics" for "all topics"; a cluster may have ten thousands. */
function askForNoTopics(broker: Broker): void {
  const metadata = broker.metadata.bind(broker);
  broker.metadata = async (topics = []) => {
    if (topics.length > 0) return metadata(topics);
    const call = broker.lookupRequest(apiKeys.metadata, requests.Metadata)({ topics: [] });
    if (call.request.apiVersion < 1) return metadata([]);
    const none = Buffer.alloc(call.request.apiVersion >= 4 ? 5 : 4);
    const encode = async (): Promise<Encoded> => ({ buf: none, buffer: none });
    const answer = await broker.connectionPool.send({ ...call, request: { ...call.request, encode } });
    return answer as Awaited<ReturnType<Broker["metadata"]>>;
  };
}
