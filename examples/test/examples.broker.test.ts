import { examplesBehave } from "./behaves.ts";

// Set by vitest.broker.config.ts for every broker that runs: WAYBILL_KAFKA_URL and so on.
for (const [variable, url] of Object.entries(process.env)) {
  const broker = /^WAYBILL_(.+)_URL$/.exec(variable)?.[1]?.toLowerCase().replaceAll("_", "-");
  if (broker !== undefined && url !== undefined) examplesBehave(broker, url);
}
