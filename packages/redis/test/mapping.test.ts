import { describe, expect, it } from "vitest";
import { message } from "../../../scripts/testing/messages.ts";
import { MessagePackWriter } from "../src/client/message-pack.ts";
import { EntryMapping } from "../src/mapping.ts";
import { unpackedMessage } from "./message-unpack.ts";

const mapping = new EntryMapping("body");
const entryId = "1526919030474-55";

const fieldsOf = (fields: Parameters<typeof message>[0]): Buffer[] => {
  const writer = new MessagePackWriter(8);
  const full = message(fields);
  mapping.encode(full, Object.keys(full.headers), writer);
  return unpackedMessage(writer.finish()) as Buffer[];
};
const through = (fields: Parameters<typeof message>[0]) => mapping.decode(entryId, fieldsOf(fields));
const external = (...fields: (string | Buffer)[]) =>
  mapping.decode(
    entryId,
    fields.map((field) => Buffer.from(field)),
  );

describe("a message in a stream entry", () => {
  it("comes back as it went", () => {
    const sent = message({
      id: "abc-1",
      body: Buffer.from([0, 255, 10, 13, 128]),
      contentType: "text/plain; charset=utf-8",
      key: "ключ 🔑",
      timestamp: 1_700_000_000_123,
      expiresAt: 1_800_000_000_000,
      replyTo: "inbox-1",
      correlationId: "c 1",
      headers: { "a.b/c": "ü\n\0", __proto__x: "1", "": "no name" },
    });
    const { delayMs: _, publishToken: __, ...expected } = sent;
    const received = through(sent);
    expect(received).toMatchObject({ ...expected, headers: {} });
    expect({ ...received.headers }).toEqual(expected.headers);
    expect(Object.getPrototypeOf(received.headers)).toBeNull();
    expect(received.position).toBe(entryId);
  });

  it("has the time that it was given, whichever that is", () => {
    for (const timestamp of [0, 1, 8_640_000_000_000_000])
      for (const id of ["x", "with space"]) expect(through({ id, timestamp }).timestamp).toBe(timestamp);
  });

  it("has one field for the body and one for what every message has", () => {
    const fields = fieldsOf({
      id: "x",
      timestamp: 5,
      contentType: "application/json",
      body: Buffer.from("{}"),
    });
    expect(fields.map(String)).toEqual(["body", "{}", "waybill", "5 x application/json"]);
  });

  it("carries ids that are no words", () => {
    for (const id of ["with space", "-", "ümlaut", "", "new\nline"]) {
      expect(through({ id }).id).toBe(id === "" ? entryId : id);
    }
  });

  it("carries headers whose names mean something here", () => {
    const headers = {
      body: "1",
      waybill: "2",
      "content-type": "3",
      "header:body": "4",
      "header:": "5",
      "waybill-attempt": "6",
    };
    const received = through({ headers, contentType: "text/plain" });
    expect({ ...received.headers }).toEqual(headers);
    expect(received.contentType).toBe("text/plain");
  });

  it("tells content types of one length apart", () => {
    expect(through({ contentType: "text/aaaa" }).contentType).toBe("text/aaaa");
    expect(through({ contentType: "text/bbbb" }).contentType).toBe("text/bbbb");
    expect(through({ contentType: "" }).contentType).toBe("");
  });
});

describe("an entry of someone who knows nothing of Waybill", () => {
  it("has its other fields as headers, and its id and time from the stream", () => {
    const received = external("tenant", "acme", "body", "hello");
    expect(received).toMatchObject({ id: entryId, timestamp: 1_526_919_030_474, contentType: "" });
    expect(String(Buffer.from(received.body))).toBe("hello");
    expect({ ...received.headers }).toEqual({ tenant: "acme" });
  });

  it("is one JSON object when it has no body", () => {
    const received = external("id", "7", "__proto__", "x", "waybill-redeliveries", "2");
    expect(JSON.parse(Buffer.from(received.body).toString())).toEqual(
      JSON.parse('{"id":"7","__proto__":"x"}'),
    );
    expect(received).toMatchObject({ contentType: "application/json", redeliveries: 2 });
  });

  it("never makes decoding throw, whatever it holds", () => {
    const invalid = Buffer.from([0xc3, 0x28]);
    for (const packed of ["", " ", "x", "1e9 a b", "99999999999999999999 a b", "5", "5 a", "-5 a b", "  "]) {
      expect(external("body", "b", "waybill", packed).timestamp).toBeGreaterThan(0);
    }
    const received = external(
      "waybill-expires-at",
      "NaN",
      "waybill-redeliveries",
      "-1",
      "waybill-timestamp",
      "soon",
      invalid,
      invalid,
      "odd",
    );
    expect(received).toMatchObject({ expiresAt: undefined, redeliveries: 0, timestamp: 1_526_919_030_474 });
    expect(mapping.decode("nonsense", []).timestamp).toBe(0);
  });
});
