import { metadataHeaders } from "@waybill/core/spi";
import { describe, expect, it, vi } from "vitest";
import {
  clockRecord,
  delayed,
  delayHeaders,
  keptWaiting,
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
      waitMs: 10_002,
      destination: "orders..billing..retry",
      enteredAt: 5,
      missingMs: undefined,
    });
    expect(released(read.message)).toMatchObject({
      key: record.key,
      headers: ["a", "b", metadataHeaders.timestamp, "123"],
    });
    const again = delayed(read.message, "orders", 20_000);
    expect(again.headers.filter((text) => text === "123")).toEqual(["123"]);
  });

  it("is due at once, at home, when it does not say", () => {
    for (const wait of ["soon", "-1", "1e400", "Infinity", ""]) {
      expect(readDelayed(incoming([delayHeaders.wait, wait], -1), "orders"), wait).toMatchObject({
        waitMs: 0,
        enteredAt: undefined,
        destination: "orders",
      });
    }
  });

  it("says how long it waits, whatever the clock of who wrote it shows", () => {
    const record = { key: null, value: Buffer.alloc(0), timestamp: 1, headers: [] };
    const realNow = Date.now;
    const written = [-3_600_000, 3_600_000].map((skewMs) => {
      vi.spyOn(Date, "now").mockImplementation(() => realNow() + skewMs);
      const waiting = delayed(record, "orders", 5_000);
      vi.restoreAllMocks();
      return waiting.headers;
    });
    expect(written[0]).toEqual(written[1]);
  });

  it("is delivered with a time that the broker takes, whatever the clock of its forwarder shows", () => {
    const now = Date.now();
    const waiting = delayed({ key: null, value: Buffer.alloc(0), timestamp: 1, headers: [] }, "orders", 999);
    const read = readDelayed(incoming(waiting.headers, now - 5_000), "orders");
    expect(released(read.message).timestamp).toBe(now - 4_000);
    const ahead = readDelayed(incoming(waiting.headers, now + 3_600_000), "orders");
    expect(released(ahead.message).timestamp).toBeLessThan(now + 3_000_000);
  });

  it("is for nobody where it was stored only for its time, and else where it belongs", () => {
    expect(readDelayed(incoming(clockRecord().headers), "orders").destination).toBeUndefined();
    const both = [...clockRecord().headers, delayHeaders.to, "orders..billing..retry"];
    expect(readDelayed(incoming(both), "orders").destination).toBe("orders..billing..retry");
  });

  it("goes to no topic but its own, whatever its header says", () => {
    for (const to of ["secrets", "orders.other", "", "orders."]) {
      expect(readDelayed(incoming([delayHeaders.to, to]), "orders").destination).toBe("orders");
    }
  });

  it("is tried again when it was postponed, and shows nothing of it when it is delivered", () => {
    const waiting = delayed({ key: null, value: Buffer.alloc(0), timestamp: 1, headers: [] }, "orders", 10);
    const once = keptWaiting({ message: waiting, waitMs: 5_000, missingMs: 4_000 });
    expect(readDelayed(incoming(once.headers), "orders")).toMatchObject({
      waitMs: 5_001,
      missingMs: 4_000,
    });
    const twice = keptWaiting({ message: once, waitMs: 6_000, missingMs: undefined });
    const read = readDelayed(incoming(twice.headers), "orders");
    expect(read).toMatchObject({ waitMs: 6_001, missingMs: undefined });
    expect(released(read.message).headers).toEqual([metadataHeaders.timestamp, "1"]);
  });

  it("is put into a tier that the topic has", () => {
    const record = { key: null, value: Buffer.alloc(0), timestamp: Date.now(), headers: [] };
    expect(tierOfRecord(delayed(record, "t", 3_600_000), 4)).toBe(3);
  });
});
