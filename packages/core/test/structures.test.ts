import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConsumerSession } from "../src/consuming/consumer-session.ts";
import { InFlightDelivery } from "../src/consuming/in-flight-delivery.ts";
import { InFlightList } from "../src/consuming/in-flight-list.ts";
import { KeySchedule } from "../src/consuming/key-schedule.ts";
import { Partition } from "../src/consuming/partition.ts";
import { BoundedMap } from "../src/runtime/bounded-map.ts";
import { Deque } from "../src/runtime/deque.ts";
import { delivery } from "./workbench.ts";

const session = new ConsumerSession();
const held = (name: unknown, partition?: Partition<InFlightDelivery>) =>
  new InFlightDelivery(delivery(name), session, partition, {}, 1, 1, undefined, 0);
const nameOf = (one: InFlightDelivery | undefined) =>
  one && JSON.parse(new TextDecoder().decode(one.message.body));

describe("Deque", () => {
  it("is an array, whatever is done to it", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("push" as const), item: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("unshift" as const), item: fc.nat() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("shift" as const), item: fc.constant(0) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("retain" as const), item: fc.integer({ min: 1, max: 4 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const deque = new Deque<number>();
        let model: number[] = [];
        for (const { do: what, item } of steps) {
          if (what === "push") {
            deque.push(item);
            model.push(item);
          } else if (what === "unshift") {
            deque.unshift(item);
            model.unshift(item);
          } else if (what === "shift") {
            expect(deque.shift()).toBe(model.shift());
          } else {
            const keep = (one: number) => one % item !== 0;
            expect(deque.retain(keep)).toEqual(model.filter((one) => !keep(one)));
            model = model.filter(keep);
          }
          expect(deque.size).toBe(model.length);
          expect(deque.peek()).toBe(model[0]);
        }
        for (const item of model) expect(deque.shift()).toBe(item);
      }),
    );
  });
});

describe("a partition's watermark", () => {
  it("has always passed exactly what ended without a gap, in whatever order things end", () => {
    const orders = fc.integer({ min: 1, max: 40 }).chain((count) => {
      const all = Array.from({ length: count }, (_, i) => i);
      return fc.shuffledSubarray(all);
    });
    fc.assert(
      fc.property(orders, (order) => {
        const partition = new Partition<InFlightDelivery>("p0");
        const count = Math.max(...order, 0) + 1;
        const all = Array.from({ length: count }, (_, i) => held(i, partition));
        for (const one of all) partition.track(one);
        const ended = new Set<number>();
        let watermark = 0;
        for (const index of order) {
          const passed = partition.complete(all[index] as InFlightDelivery);
          ended.add(index);
          const before = watermark;
          while (ended.has(watermark)) watermark++;
          expect(nameOf(passed)).toBe(watermark === before ? undefined : watermark - 1);
          expect(partition.blocked).toBe(ended.size - watermark);
        }
      }),
    );
  });

  it("is idle when nothing of the partition is worked on", async () => {
    const partition = new Partition<InFlightDelivery>("p0");
    await partition.idle();
    partition.started();
    partition.started();
    let idle = false;
    const waiting = partition.idle().then(() => {
      idle = true;
    });
    partition.ended();
    await Promise.resolve();
    expect(idle).toBe(false);
    partition.ended();
    await waiting;
  });
});

describe("KeySchedule", () => {
  it("lets one of each key go at a time, in order of receipt, whatever ends or is dropped meanwhile", () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant("enter" as const), pick: fc.nat({ max: 3 }) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("leave" as const), pick: fc.nat({ max: 20 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("drop" as const), pick: fc.integer({ min: 2, max: 5 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const schedule = new KeySchedule();
        // The model: per key, who is in line; the head has its turn.
        const lines = new Map<string, InFlightDelivery[]>();
        const line = (key: string) => lines.get(key) ?? [];
        let count = 0;
        for (const { do: what, pick } of steps) {
          if (what === "enter") {
            const key = `key ${pick}`;
            const one = held(count++);
            expect(schedule.enter(key, one)).toBe(line(key).length === 0);
            lines.set(key, [...line(key), one]);
          } else if (what === "leave") {
            const busy = [...lines].filter(([, waiting]) => waiting.length > 0);
            if (busy.length === 0) continue;
            const [key, [head, ...rest]] = busy[pick % busy.length] as [
              string,
              [InFlightDelivery, ...InFlightDelivery[]],
            ];
            expect(schedule.leave(key, head)).toBe(rest[0]);
            expect(schedule.leave(key, head)).toBe(undefined);
            lines.set(key, rest);
          } else {
            const goes = (one: InFlightDelivery) => nameOf(one) % pick === 0;
            const promoted: InFlightDelivery[] = [];
            for (const [key, waiting] of lines) {
              const left = waiting.filter((one) => !goes(one));
              if (waiting[0] !== undefined && goes(waiting[0]) && left[0] !== undefined)
                promoted.push(left[0]);
              lines.set(key, left);
            }
            expect(new Set(schedule.drop(goes))).toEqual(new Set(promoted));
          }
        }
      }),
    );
  });
});

describe("InFlightList", () => {
  it("keeps the order of receipt while anything in it is removed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 })), (removals) => {
        const list = new InFlightList();
        const all = Array.from({ length: 30 }, (_, i) => held(i));
        for (const one of all) list.add(one);
        let model = [...all];
        for (const index of removals) {
          const one = all[index];
          if (one === undefined) continue;
          list.remove(one);
          model = model.filter((other) => other !== one);
          expect(list.size).toBe(model.length);
        }
        expect(list.filter(() => true)).toEqual(model);
      }),
    );
  });
});

describe("BoundedMap", () => {
  it("forgets the oldest, whatever is set and deleted", () => {
    const step = fc.record({ deletes: fc.nat(3).map((n) => n === 0), key: fc.integer({ min: 10, max: 30 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 8 }), (steps, max) => {
        // Room for five.
        const map = new BoundedMap<number>(5 * 144, max);
        let model: number[] = [];
        for (const { deletes, key } of steps) {
          if (deletes) expect(map.delete(`${key}`)).toBe(model.includes(key));
          else map.set(`${key}`, key);
          model = model.filter((each) => each !== key);
          if (!deletes) model = [...model, key].slice(-Math.min(max, 5));
          expect(map.size).toBe(model.length);
          for (const each of model) expect(map.get(`${each}`)).toBe(each);
        }
      }),
    );
  });

  it("forgets the oldest when its keys take more bytes than allowed", () => {
    const map = new BoundedMap<number>(2 * (2 + 140));
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    map.set("c", 4);
    expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([3, undefined, 4, 2]);
    map.set("d", 5, 1_000);
    expect(map.size).toBe(0);
  });
});
