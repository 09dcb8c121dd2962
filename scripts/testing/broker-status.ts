import { setTimeout as sleep } from "node:timers/promises";
import { type BrokerName, type BrokerStatus, statusOf } from "@waybill/local-brokers";

const timeoutMs = 60_000;

/**
 * As `statusOf`, for brokers that are known to run: one that does not answer at once
 * is on a busy computer, and is asked again for a while.
 */
export async function statusOfRunning(names: readonly BrokerName[]): Promise<readonly BrokerStatus[]> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const all = await statusOf(names);
    if (all.every(({ state }) => state === "up") || Date.now() > deadline) return all;
    await sleep(500);
  }
}
