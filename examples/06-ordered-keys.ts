// An ordering key: one key's messages in order, different keys side by side.
import { connect, topic } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

interface Step {
  readonly parcel: string;
  readonly step: number;
}

const ParcelMoved = topic<Step>("parcels.moved", { key: (move) => move.parcel });
const parcels = ["p-1", "p-2", "p-3"];
const steps = 5;

await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  ...scratch,
  requires: ["ordering"],
});

const seen = new Map<string, number[]>(parcels.map((parcel) => [parcel, []]));
let stumbled = false;

const tracking = await client.subscribe(
  ParcelMoved,
  { group: "tracking", concurrency: 10, retry: { backoff: { initialMs: 50 } } },
  async ({ parcel, step }) => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    if (parcel === "p-2" && step === 3 && !stumbled) {
      stumbled = true; // A failure in the middle: p-2 waits for its retry, the others go on.
      throw new Error("try that one again");
    }
    seen.get(parcel)?.push(step);
  },
);

const moves = Array.from({ length: steps }, (_, i) => parcels.map((parcel) => ({ parcel, step: i + 1 })));
await client.publishBatch(ParcelMoved, moves.flat());
await until("all moves are seen", () => [...seen.values()].every((done) => done.length === steps));
for (const [parcel, done] of seen) console.log(`${parcel}: ${done.join(" ")}`);

await tracking.close();
await client.topology.remove({ topic: ParcelMoved, group: "tracking" }, ParcelMoved);
