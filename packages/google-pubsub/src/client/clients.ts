import { type ClientConfig, PubSub, v1 } from "@google-cloud/pubsub";
import type { Settings } from "../options.ts";
import { datedCalls } from "./dated-calls.ts";
import { ServiceClock } from "./service-clock.ts";

/** The vendor's objects: the one that users know, and the two generated ones that make single calls. */
export interface Clients {
  readonly pubsub: PubSub;
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  readonly projectId: string;
  readonly clock: ServiceClock;
  close(): Promise<void>;
}

/** gRPC's own settings: connections of our own, and soon another try when the service is back. */
const channel = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
};

/** Reads the credentials and opens nothing on the network yet, but for a token where one is needed. */
export async function createClients(settings: Settings): Promise<Clients> {
  const own = settings.client === undefined;
  const pubsub = settings.client ?? new PubSub(configOf(settings));
  const clock = new ServiceClock();
  const given = await pubsub.getClientConfig();
  const config = { ...given, ...channel, ...datedCalls(given, clock) } as ClientConfig;
  const publisher = new v1.PublisherClient(config as ConstructorParameters<typeof v1.PublisherClient>[0]);
  const subscriber = new v1.SubscriberClient(config as ConstructorParameters<typeof v1.SubscriberClient>[0]);
  const close = async () => {
    await Promise.allSettled([publisher.close(), subscriber.close(), own ? pubsub.close() : undefined]);
  };
  try {
    // Every call would do this by itself, and let a failure escape as an unhandled rejection.
    await Promise.all([publisher.initialize(), subscriber.initialize()]);
  } catch (cause) {
    await close();
    throw cause;
  }
  return { pubsub, publisher, subscriber, projectId: pubsub.projectId, clock, close };
}

function configOf(settings: Settings): ClientConfig {
  const { projectId, keyFilename, credentials, apiEndpoint, emulatorHost } = settings;
  return {
    ...settings.clientConfig,
    ...(projectId === undefined ? {} : { projectId }),
    ...(keyFilename === undefined ? {} : { keyFilename }),
    ...(credentials === undefined ? {} : { credentials }),
    ...(apiEndpoint === undefined ? {} : { apiEndpoint }),
    ...(emulatorHost === undefined ? {} : emulator(emulatorHost)),
  };
}

/** An emulator knows no credentials, so none are looked for. */
function emulator(host: string): ClientConfig {
  return { apiEndpoint: host, emulatorMode: true, clientOptions: { universeDomain: "googleapis.com" } };
}
