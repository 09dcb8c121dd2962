import { createHmac } from "node:crypto";
import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
} from "@azure/event-hubs";
import rhea, { type Connection } from "rhea";
import { onTestFinished } from "vitest";
import { type AccessKey, type Emulator, type EmulatorOptions, startEmulator } from "../src/index.ts";

/** The vendor client as tests want it: what fails, fails at once. */
const IMPATIENT = { retryOptions: { maxRetries: 0, timeoutInMs: 5_000 } };

/** An emulator that ends with the test. */
export async function emulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const started = await startEmulator(options);
  onTestFinished(() => started.close());
  return started;
}

export function producer(connectionString: string): EventHubProducerClient {
  const client = new EventHubProducerClient(connectionString, IMPATIENT);
  onTestFinished(() => client.close().catch(() => {}));
  return client;
}

/** What one receiver got, and the error that ended it. */
export interface Received {
  readonly events: ReceivedEventData[];
  /** Resolves when there are this many. */
  count(events: number): Promise<ReceivedEventData[]>;
  readonly error: Promise<Error & { code?: string }>;
  close(): Promise<void>;
}

/** Reads one partition with the vendor client. */
export function receive(
  connectionString: string,
  partition: string,
  startPosition: EventPosition,
  options: SubscribeOptions & { group?: string } = {},
): Received {
  const { group = "$Default", ...subscribe } = options;
  const client = new EventHubConsumerClient(group, connectionString, IMPATIENT);
  const events: ReceivedEventData[] = [];
  const waiting = new Set<() => void>();
  const failed = Promise.withResolvers<Error & { code?: string }>();
  const subscription = client.subscribe(
    partition,
    {
      processEvents: async (batch) => {
        events.push(...batch);
        for (const look of waiting) look();
      },
      processError: async (error) => failed.resolve(error),
    },
    { maxBatchSize: 100, startPosition, skipParsingBodyAsJson: true, ...subscribe },
  );
  const close = async (): Promise<void> => {
    await subscription.close().catch(() => {});
    await client.close().catch(() => {});
  };
  onTestFinished(close);
  const count = (wanted: number): Promise<ReceivedEventData[]> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (events.length >= wanted) resolve(events);
      };
      waiting.add(look);
      look();
    });
  return { events, count, error: failed.promise, close };
}

export function bodies(events: readonly ReceivedEventData[]): string[] {
  return events.map((event) => Buffer.from(event.body).toString());
}

export function event(body: string): { body: Buffer } {
  return { body: Buffer.from(body) };
}

/** A connection without the vendor client, which may do all the key allows. */
export function connect({ host, port, keys }: Emulator, key: AccessKey | undefined = keys[0]): Connection {
  const container = rhea.create_container();
  container.on("error", () => {});
  container.on("disconnected", () => {});
  const connection = container.connect({
    host,
    port,
    username: key?.name ?? "",
    password: key?.key ?? "",
    reconnect: false,
  });
  onTestFinished(() => connection.close());
  return connection;
}

/** A shared access signature for a URI. */
export function sasToken(uri: string, key: AccessKey, expiresInSeconds = 600): string {
  const resource = encodeURIComponent(uri);
  const expiry = Math.floor(Date.now() / 1000) + expiresInSeconds;
  const signature = createHmac("sha256", key.key).update(`${resource}\n${expiry}`).digest("base64");
  return `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${encodeURIComponent(key.name)}`;
}

/** A call of the management API, by default with a token of the first key. */
export async function call(
  { url, keys }: Emulator,
  method: string,
  path: string,
  options: { body?: string; authorization?: string; ifMatch?: string } = {},
): Promise<{ status: number; text: string }> {
  const key = keys[0] as AccessKey;
  const response = await fetch(`${url}${path}?api-version=2014-01`, {
    method,
    headers: {
      authorization: options.authorization ?? sasToken(url, key),
      "content-type": "application/atom+xml;type=entry;charset=utf-8",
      ...(options.ifMatch === undefined ? {} : { "if-match": options.ifMatch }),
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  return { status: response.status, text: await response.text() };
}
