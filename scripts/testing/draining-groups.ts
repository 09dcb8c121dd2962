import { bytes, type Client, connect, type Subscription, topic } from "@waybill/core";
import type { Driver } from "@waybill/core/spi";
import { expect, it } from "vitest";
import { watchTurns } from "./watch-turns.ts";

/** How late a timer may come, whatever the subscriptions of its process do, in milliseconds. */
const allowedMs = 50;
/** The middle one counts: any of them may have a collection of garbage in its longest turn. */
const rounds = 3;

/** How many groups of one topic have a backlog, and how many messages each. */
export interface Backlog {
  readonly groups: number;
  readonly messages: number;
}

/**
 * The test that the event loop turns while many groups work off a backlog, whether they begin one after the other or at
 * once. A turn is taken in time of the processor, so that nothing else on this computer counts.
 */
export function testDrainingGroups(driver: () => Driver, { groups, messages }: Backlog): void {
  it(`keeps no timer waiting for ${allowedMs} ms while ${groups} groups drain`, async () => {
    const contract = topic<Uint8Array>(`draining-${process.pid}-${Date.now().toString(36)}`, {
      codec: bytes,
    });
    const names = Array.from({ length: groups }, (_, index) => `g-${index}`);
    const subjects = names.map((group) => ({ topic: contract, group }));
    const client = await connect(driver(), { logger: false });
    try {
      await client.topology.declare(...subjects);
      for (const atOnce of [false, true]) {
        const drain = async () => {
          await client.publishBatch(contract, Array<Uint8Array>(messages).fill(new Uint8Array(256)));
          return longestTurn(client, contract, names, messages * groups, atOnce);
        };
        // Compiles what runs often.
        await drain();
        const longest: number[] = [];
        for (let round = 0; round < rounds; round++) longest.push(await drain());
        longest.sort((a, b) => a - b);
        const seen = `longest turns in ms, of groups that begin ${atOnce ? "at once" : "in turn"}: ${longest}`;
        expect(longest[rounds >> 1], seen).toBeLessThan(allowedMs);
      }
    } finally {
      await client.topology.remove(...subjects, contract);
      await client.close();
    }
  });
}

/** While these groups begin and handle so many messages, all together. In milliseconds. */
async function longestTurn(
  client: Client,
  contract: ReturnType<typeof topic<Uint8Array>>,
  groups: readonly string[],
  left: number,
  atOnce: boolean,
): Promise<number> {
  const drained = Promise.withResolvers<void>();
  const subscriptions: Subscription[] = [];
  const begin = async (group: string) => {
    const subscription = await client.subscribe(contract, { group }, () => {
      if (--left === 0) drained.resolve();
    });
    subscriptions.push(subscription);
  };
  const turns = watchTurns();
  if (atOnce) await Promise.all(groups.map(begin));
  else for (const group of groups) await begin(group);
  await drained.promise;
  const longestMs = turns.longestMs();
  await Promise.all(subscriptions.map((subscription) => subscription.close()));
  return longestMs;
}
