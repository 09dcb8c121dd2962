import { describe, expect, it } from "vitest";
import { connect, queue } from "../src/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { ScriptedDriver } from "./scripted-driver.ts";
import { connected, failureOf, gate, never } from "./workbench.ts";

const Jobs = queue<number>("jobs");

describe("a driver that hangs", () => {
  it("keeps no call of `topology` waiting for ever", async () => {
    const { client, clock } = await connected({ ensure: () => never, inspect: () => never });
    const calls = [client.topology.declare(Jobs), client.topology.inspect(Jobs)].map(failureOf);
    await clock.pass(70_000);
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({ code: "TIMEOUT", retryable: true });
    expect(clock.timers).toBe(0);
  });

  it("keeps `close` waiting for a few seconds at most, also when it throws", async () => {
    for (const closeConnection of [
      () => never,
      () => {
        throw new Error("no");
      },
    ]) {
      const { client, clock } = await connected({ closeConnection });
      const closing = client.close();
      await clock.pass(5_000);
      await closing;
      expect(client.health().status).toBe("closed");
      expect(clock.timers).toBe(0);
    }
  });

  it("keeps `connect` waiting no longer than its time and a few seconds, also when it throws at once", async () => {
    const clock = new ManualClock();
    const driver = Object.assign(new ScriptedDriver(), {
      connect: () => {
        throw new Error("at once");
      },
    });
    const failure = failureOf(connect(driver, { clock, logger: false, connectTimeoutMs: 1_000 }));
    await clock.pass(6_000);
    expect((await failure)?.message).toContain("at once");
    expect(clock.timers).toBe(0);
  });
});

describe("a clock that is set", () => {
  for (const aheadMs of [-3_600_000, 3_600_000]) {
    it(`by ${aheadMs} ms while the client closes makes it neither longer nor shorter`, async () => {
      const stored = gate();
      const { client, clock } = await connected({ publish: () => stored.opened.then(() => undefined) });
      const ran = gate();
      await client.consume(Jobs, () => ran.opened);
      const sent = failureOf(client.send(Jobs, 1));
      await clock.settle();
      const closing = client.close({ timeoutMs: 10_000 });
      await clock.settle();
      clock.setBack(-aheadMs);
      // The clock's own timers are not moved by setting it: only what was computed from its time would be.
      await clock.settle();
      stored.open();
      await clock.settle();
      await closing;
      expect(await sent, "what was on its way is stored").toBeUndefined();
      expect(clock.timers).toBe(0);
    });
  }
});
