// Device readings: ordered per device, and a group that only wants some of them.
import { connect, topic } from "@waybill/core";
import { z } from "zod";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

const Reading = topic("devices.reading", {
  schema: z.object({ device: z.string(), celsius: z.number() }),
  key: (reading) => reading.device,
});

await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  ...scratch,
  requires: ["filters", "ordering"],
});

const history = new Map<string, number[]>();
const alarms: string[] = [];

const subscriptions = [
  await client.subscribe(Reading, { group: "history" }, ({ device, celsius }) => {
    history.set(device, [...(history.get(device) ?? []), celsius]);
  }),
  // Filters look at headers, so that a broker can apply them without knowing the body.
  await client.subscribe(
    Reading,
    { group: "alarms", filter: { severity: ["high", "critical"] } },
    (reading) => {
      alarms.push(`${reading.device} at ${reading.celsius}`);
    },
  ),
];

function report(device: string, celsius: number) {
  const severity = celsius > 90 ? "critical" : celsius > 70 ? "high" : "normal";
  return client.publish(Reading, { device, celsius }, { headers: { severity } });
}

for (const celsius of [20, 75, 21]) await report("boiler", celsius);
for (const celsius of [60, 61, 95]) await report("kiln", celsius);

const recorded = () => [...history.values()].flat().length;
await until("all readings and alarms have come", () => recorded() === 6 && alarms.length === 2);
for (const [device, readings] of [...history].sort()) console.log(`${device}: ${readings.join(" ")}`);
console.log(`alarms: ${alarms.sort().join(", ")}`);

await Promise.all(subscriptions.map((subscription) => subscription.close()));
const groups = ["history", "alarms"].map((group) => ({ topic: Reading, group }));
await client.topology.remove(...groups, Reading);
