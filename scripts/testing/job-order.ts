/**
 * How long each job takes, in minutes, when two run at a time. Measured; only the
 * order counts, so small changes need no new measurement.
 */
export const measuredMinutes: ReadonlyMap<string, number> = new Map([
  ["sns-sqs", 11.5],
  ["google-pubsub-pstest", 9.4],
  ["kafka", 7.4],
  ["event-hubs", 5.5],
  ["redis", 5.4],
  ["rabbitmq", 4.9],
  ["google-pubsub", 4.4],
  ["deno", 1.4],
  ["bun", 1.2],
  ["local-brokers", 0.2],
]);

/** For a job that was never measured: it may be the longest, and then must not start last. */
const unknownMinutes = 60;

/** Longest first, so that no long job runs on alone when the others are done. */
export function longestFirst<Named extends { readonly name: string }>(
  jobs: readonly Named[],
): readonly Named[] {
  const minutes = ({ name }: Named) => measuredMinutes.get(name) ?? unknownMinutes;
  return jobs.toSorted((a, b) => minutes(b) - minutes(a));
}
