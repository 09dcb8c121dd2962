import type { ConformanceTarget, ReachableUrl } from "@waybill/conformance";
import { type Client, connect, deadLetterOf, type QueueContract, queue } from "@waybill/core";
import { expect, it } from "vitest";
import { startWorker } from "../../packages/conformance/src/programs/start-worker.ts";
import { numberFrom } from "./number-from.ts";
import { sleep, until } from "./waiting.ts";

/** How many handlers a worker runs at once when it is killed: one for each message. */
const inFlight = 1_000;
/**
 * How long a worker may take until all of its handlers run, in milliseconds. What has come `maxAttempts` times is run
 * alone first, then twice as many each second, so that it takes ten seconds at least.
 */
const fullTimeoutMs = 60_000;
/** How often it is killed. Ten times takes minutes: `WAYBILL_KILLS=10` asks for that. */
const kills = numberFrom("WAYBILL_KILLS", 100, process.env) ?? 5;

type Jobs = QueueContract<number>;

/**
 * The tests of a worker that is killed again and again with all its handlers running. None of its messages is at
 * fault: each worker after it is to run as many at once, and the dead-letter queue stays empty.
 */
export function testKilledWorker(target: ConformanceTarget): void {
  it.each([{ maxAttempts: undefined }, { maxAttempts: 3 }])(
    `recovers at full concurrency from ${kills} kills of a busy worker and dead-letters nothing (maxAttempts: $maxAttempts)`,
    { timeout: (kills + 2) * fullTimeoutMs },
    async ({ maxAttempts }) => {
      const jobs = queue<number>(`killed-${process.pid}-${Date.now().toString(36)}`);
      const deadLetters = deadLetterOf({ queue: jobs });
      const client = await connect(target.shortLease?.driver() ?? target.driver(), { logger: false });
      try {
        await client.topology.declare(jobs, deadLetters);
        const deadLettered: unknown[] = [];
        await client.consume(deadLetters, (body) => void deadLettered.push(body));
        const all = Array.from({ length: inFlight }, (_, n) => n);
        await client.sendBatch(jobs, all);
        const fullAfterMs: number[] = [];
        for (let kill = 1; kill <= kills; kill++)
          fullAfterMs.push(await liveAndBeKilled(reachOf(target), jobs, maxAttempts));
        const { handled, fullMs } = await workOff(client, jobs, maxAttempts);
        fullAfterMs.push(fullMs);
        console.info(
          `${target.adapter}: all handlers ran after ${fullAfterMs.map(Math.round).join(", ")} ms`,
        );
        expect([...handled].sort((a, b) => a - b)).toEqual(all);
        // What was dead-lettered while the last ones were handled is on its way still.
        await sleep(1_000);
        expect(deadLettered).toEqual([]);
      } finally {
        await client.close({ timeoutMs: 5_000 });
        await takeAway(target, jobs);
      }
    },
  );
}

/** A worker whose handlers never end, killed once all of them run. Resolves with how long that took, in milliseconds. */
async function liveAndBeKilled(
  reach: ReachableUrl,
  jobs: Jobs,
  maxAttempts: number | undefined,
): Promise<number> {
  const startedAt = performance.now();
  const worker = await startWorker({
    reach,
    queue: jobs.name,
    ordered: false,
    handler: "hang",
    concurrency: inFlight,
    prefetch: inFlight,
    attempts: maxAttempts,
  });
  try {
    const running = new Set<unknown>();
    let seen = 0;
    await until(
      () => {
        for (const report of worker.reports.slice(seen)) {
          if (report.event === "started") running.add(report.value);
        }
        seen = worker.reports.length;
        return running.size >= inFlight;
      },
      fullTimeoutMs,
      () =>
        `only ${running.size} of ${inFlight} messages were handled at once, in ${worker.reports.length - 1} calls. ${worker.stderr()}`,
    );
    return performance.now() - startedAt;
  } finally {
    worker.kill("SIGKILL");
    await worker.exited;
  }
}

/** Handles everything, but not before as many handlers as may run at once do so. */
async function workOff(client: Client, jobs: Jobs, maxAttempts: number | undefined) {
  const startedAt = performance.now();
  const handled = new Set<number>();
  const full = Promise.withResolvers<void>();
  let running = 0;
  let fullMs = 0;
  const retry = maxAttempts === undefined ? {} : { retry: { maxAttempts } };
  const options = { concurrency: inFlight, prefetch: inFlight, ...retry };
  await client.consume(jobs, options, async (n) => {
    if (++running === inFlight) {
      fullMs = performance.now() - startedAt;
      full.resolve();
    }
    await full.promise;
    running--;
    handled.add(n);
  });
  await until(
    () => fullMs > 0,
    fullTimeoutMs,
    () => `only ${running} of ${inFlight} handlers ran at once.`,
  );
  await until(
    () => handled.size === inFlight,
    fullTimeoutMs,
    () => `only ${handled.size} were handled.`,
  );
  return { handled, fullMs };
}

function reachOf({ url, adapter }: ConformanceTarget): ReachableUrl {
  if (url === undefined) throw new Error(`The target of ${adapter} gives no URL for other processes.`);
  return url;
}

async function takeAway(target: ConformanceTarget, jobs: Jobs): Promise<void> {
  await using client = await connect(target.driver(), { logger: false });
  await client.topology.remove(jobs, deadLetterOf({ queue: jobs }));
}
