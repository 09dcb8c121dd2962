// A queue: each message is handled by one of the competing workers.
import { connect, queue } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

const Thumbnails = queue<{ photo: number }>("photos.thumbnails");
const photos = Array.from({ length: 30 }, (_, photo) => ({ photo }));

await using client = await connect(process.env.BROKER_URL ?? "memory:", scratch);

const timesMade = new Map<number, number>();
let running = 0;
let mostAtOnce = 0;

async function makeThumbnail({ photo }: { photo: number }): Promise<void> {
  mostAtOnce = Math.max(mostAtOnce, ++running);
  await new Promise((resolve) => setTimeout(resolve, 5));
  timesMade.set(photo, (timesMade.get(photo) ?? 0) + 1);
  running--;
}

// Two workers here; in production each is a process of its own. Each handles at most 4 at once.
const workers = [
  await client.consume(Thumbnails, { concurrency: 4 }, makeThumbnail),
  await client.consume(Thumbnails, { concurrency: 4 }, makeThumbnail),
];

await client.sendBatch(Thumbnails, photos);
await until("every thumbnail is made", () => timesMade.size === photos.length);
await Promise.all(workers.map((worker) => worker.close()));

const repeated = [...timesMade.values()].filter((times) => times > 1).length;
console.log(`${timesMade.size} thumbnails made, ${repeated} of them more than once`);
console.log(mostAtOnce <= 8 ? "never more than 8 at once" : `${mostAtOnce} at once!`);

await client.topology.remove(Thumbnails);
