import { describe, expect, it } from "vitest";
import { RepeatedTexts } from "../src/client/repeated-texts.ts";

describe("texts that come again and again", () => {
  const texts = new RepeatedTexts();
  const read = (text: string) => {
    const data = Buffer.from(`<${text}>`);
    return texts.read(data, 1, data.length - 1);
  };

  it("are what their bytes say, the first time and later", () => {
    for (const text of [
      "waybill-id",
      "content-type",
      "größe",
      "🚚",
      "\u0000",
      "x".repeat(40),
      "x".repeat(41),
    ]) {
      expect(read(text)).toBe(text);
      expect(read(text)).toBe(text);
    }
  });

  it("are told apart where they have the same length, beginning and end", () => {
    for (const text of ["trace-a-id", "trace-b-id", "trace-a-id", "trace-c-id"])
      expect(read(text)).toBe(text);
  });

  it("are what was there when they were read, whatever becomes of the buffer", () => {
    const data = Buffer.from("tenant");
    expect(texts.read(data, 0, 6)).toBe("tenant");
    data.fill("z");
    expect(texts.read(Buffer.from("tenant"), 0, 6)).toBe("tenant");
    expect(texts.read(data, 0, 6)).toBe("zzzzzz");
  });

  it("end with the buffer, whatever length was claimed for them", () => {
    for (let i = 0; i < 2; i++) expect(texts.read(Buffer.from("short"), 2, 30)).toBe("ort");
  });
});
