import { metadataHeaders } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import {
  delayed,
  delayHeaders,
  postponed,
  readDelayed,
  released,
  tierOfRecord,
} from "../src/delays/delayed-records.ts";
import type { IncomingRecord } from "../src/mapping.ts";

describe("what waits", () => {
  const incoming = (headers: readonly string[], timestamp = 5): IncomingRecord => ({
    offset: 0,
    timestamp,
    key: null,
    value: null,
    bytes: 0,
    headers: () => headers,
    rawHeaders: () => headers,
  });

  it("is delivered as it was sent, with its time as a header", () => {
    const record = { key: Buffer.from("k"), value: Buffer.from("v"), timestamp: 123, headers: ["a", "b"] };
    const waiting = delayed(record, "orders..billing..retry", 10_000.4);
    const read = readDelayed(
      { ...incoming(waiting.headers), key: record.key, value: record.value },
      "orders",
    );
    expect(read).toMatchObject({
      dueAt: 10_002,
      destination: "orders..billing..retry",
      enteredAt: 5,
      missingSince: undefined,
    });
    expect(released(read.message)).toMatchObject({
      key: record.key,
      headers: ["a", "b", metadataHeaders.timestamp, "123"],
    });
    const again = delayed(read.message, "orders", 20_000);
    expect(again.headers.filter((text) => text === "123")).toEqual(["123"]);
  });

  it("is due at once, at home, when it does not say", () => {
    expect(readDelayed(incoming([delayHeaders.due, "soon"]), "orders")).toMatchObject({
      dueAt: 0,
      destination: "orders",
    });
  });

  it("goes to no topic but its own, whatever its header says", () => {
    for (const to of ["secrets", "orders.other", "", "orders."]) {
      expect(readDelayed(incoming([delayHeaders.to, to]), "orders").destination).toBe("orders");
    }
  });

  it("is tried again when it was postponed, and shows nothing of it when it is delivered", () => {
    const waiting = delayed({ key: null, value: Buffer.alloc(0), timestamp: 1, headers: [] }, "orders", 10);
    const once = postponed(waiting, 5_000, 4_000);
    expect(readDelayed(incoming(once.headers), "orders")).toMatchObject({
      dueAt: 5_000,
      missingSince: 4_000,
    });
    const twice = postponed(once, 6_000, undefined);
    const read = readDelayed(incoming(twice.headers), "orders");
    expect(read).toMatchObject({ dueAt: 6_000, missingSince: undefined });
    expect(released(read.message).headers).toEqual([metadataHeaders.timestamp, "1"]);
  });

  it("is put into a tier that the topic has", () => {
    const record = { key: null, value: Buffer.alloc(0), timestamp: Date.now(), headers: [] };
    expect(tierOfRecord(delayed(record, "t", Date.now() + 3_600_000), 4)).toBe(3);
  });
});
