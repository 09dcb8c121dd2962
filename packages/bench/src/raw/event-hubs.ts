import { createHmac } from "node:crypto";
import {
  type Checkpoint,
  type CheckpointStore,
  EventHubConsumerClient,
  EventHubProducerClient,
  earliestEventPosition,
} from "@azure/event-hubs";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

const partitions = 4;

/** Azure's client by hand: batches as large as a partition takes, and a checkpoint for every batch read. */
export async function raw(url: string): Promise<Contestant> {
  const { host, username, password } = new URL(url);
  const key = { name: username, value: decodeURIComponent(password) };
  const hub = freshName();
  const manage = (method: "PUT" | "DELETE") => manageHub(method, host, hub, key);
  await manage("PUT");
  const connectionString = `Endpoint=sb://${host};SharedAccessKeyName=${key.name};SharedAccessKey=${key.value};UseDevelopmentEmulator=true;EntityPath=${hub}`;
  const producer = new EventHubProducerClient(connectionString);
  const send = async (count: number) => {
    let batch = await producer.createBatch();
    for (let i = 0; i < count; i++) {
      if (batch.tryAdd({ body })) continue;
      await producer.sendBatch(batch);
      batch = await producer.createBatch();
      batch.tryAdd({ body });
    }
    await producer.sendBatch(batch);
  };

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await send(1);
    },
    async publishOutstanding(count, outstanding) {
      for (let left = count; left > 0; left -= outstanding) await send(Math.min(left, outstanding));
    },
    async consume(count) {
      const span = new Span(count);
      const consumer = new EventHubConsumerClient("$Default", connectionString, checkpointsInMemory(), {
        // One partition in ten seconds otherwise.
        loadBalancingOptions: { strategy: "greedy", updateIntervalInMs: 500 },
      });
      const subscription = consumer.subscribe(
        {
          async processEvents(events, context) {
            for (const _event of events) span.seen();
            const last = events.at(-1);
            if (last !== undefined) await context.updateCheckpoint(last);
          },
          async processError(error) {
            console.error(error);
          },
        },
        {
          maxBatchSize: 500,
          maxWaitTimeInSeconds: 1,
          prefetchCount: 2_000,
          skipParsingBodyAsJson: true,
          startPosition: earliestEventPosition,
        },
      );
      const ms = await span.done;
      await subscription.close();
      await consumer.close();
      return ms;
    },
    async close() {
      await producer.close();
      await manage("DELETE");
    },
  };
}

/** Hubs are made by the namespace's management API, which the client does not speak. */
async function manageHub(
  method: "PUT" | "DELETE",
  host: string,
  hub: string,
  key: { readonly name: string; readonly value: string },
): Promise<void> {
  const resource = encodeURIComponent(`sb://${host}/`);
  const expiry = Math.floor(Date.now() / 1_000) + 300;
  const signature = createHmac("sha256", key.value).update(`${resource}\n${expiry}`).digest("base64");
  const token = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${expiry}&skn=${key.name}`;
  const description = `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><EventHubDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"><MessageRetentionInDays>1</MessageRetentionInDays><PartitionCount>${partitions}</PartitionCount></EventHubDescription></content></entry>`;
  const response = await fetch(`http://${host}/${hub}?api-version=2014-01`, {
    method,
    headers: { authorization: token, "content-type": "application/atom+xml;type=entry;charset=utf-8" },
    ...(method === "PUT" ? { body: description } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${hub}: ${response.status} ${await response.text()}`);
}

/** One member alone: it owns every partition, and nobody else asks. */
function checkpointsInMemory(): CheckpointStore {
  const checkpoints = new Map<string, Checkpoint>();
  return {
    claimOwnership: async (wanted) =>
      wanted.map((each) => ({ ...each, etag: "1", lastModifiedTimeInMs: Date.now() })),
    listOwnership: async () => [],
    updateCheckpoint: async (checkpoint) => {
      checkpoints.set(checkpoint.partitionId, checkpoint);
    },
    listCheckpoints: async () => [...checkpoints.values()],
  };
}
