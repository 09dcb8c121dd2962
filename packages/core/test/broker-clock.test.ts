import { beforeEach, describe, expect, it } from "vitest";
import { BrokerClock } from "../src/spi/broker-clock.ts";
import type { Clock } from "../src/spi/index.ts";

const hourMs = 3_600_000;
let steady = 0;
/** This computer's clock less its steady one. */
let own = 0;
/** The same of the broker's. */
let broker = 0;
const clock: Clock = {
  now: () => Math.floor(steady + own),
  monotonic: () => steady,
  setTimeout: () => undefined,
  clearTimeout: () => {},
};
beforeEach(() => {
  steady = 1_000;
  own = broker = 50_000_000;
});

/** Asked of a broker that is so far away, in milliseconds. */
async function asked(there: number, back: number): Promise<BrokerClock> {
  const known = new BrokerClock(clock);
  await ask(known, there, back);
  return known;
}
const ask = (known: BrokerClock, there: number, back: number) =>
  known.ask(async () => {
    steady += there;
    const told = Math.floor(steady + broker);
    steady += back;
    return told;
  });

describe("a broker's clock", () => {
  it("is this computer's own as long as that may be right, however long the answer took", async () => {
    for (const skew of [-400, 0, 400]) {
      own = broker + skew;
      expect((await asked(500, 500)).offsetMs).toBe(own);
    }
  });

  it("is the broker's where this computer's is wrong: late by no more than the way back, and never early", async () => {
    for (const skew of [-hourMs, -6, 6, hourMs]) {
      own = broker + skew;
      const { offsetMs } = await asked(3, 4);
      expect(offsetMs, `${skew}`).toBeLessThanOrEqual(broker);
      expect(offsetMs, `${skew}`).toBeGreaterThanOrEqual(broker - 5);
    }
  });

  it("is this computer's own where the broker does not say or nobody asked, and where it says nonsense", async () => {
    const known = new BrokerClock(clock);
    expect([known.isFresh, known.offsetMs]).toEqual([false, own]);
    for (const told of [undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      await known.ask(async () => told);
      expect([known.isFresh, known.offsetMs]).toEqual([true, own]);
    }
  });

  it("is to be asked again after a minute, and once a clock here was set", async () => {
    const known = await asked(1, 1);
    expect(known.isFresh).toBe(true);
    own += hourMs;
    expect(known.isFresh).toBe(false);
    expect(known.offsetMs, "until then it is what it was").toBeLessThanOrEqual(broker);
    await ask(known, 1, 1);
    expect(known.isFresh).toBe(true);
    steady += 60_000;
    expect(known.isFresh).toBe(false);
  });

  it("stays what it was when it cannot be asked", async () => {
    own = broker + hourMs;
    const known = await asked(1, 1);
    const before = known.offsetMs;
    await expect(known.ask(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
    expect(known.offsetMs).toBe(before);
  });
});
