import { expect, it } from "vitest";
import { errorText } from "../src/errors/error-text.ts";
import { shown, shownText } from "../src/errors/shown.ts";
import { topic } from "../src/index.ts";
import { connected } from "./workbench.ts";

const password = "hunter2";
const url = `redis://u:${password}@h`;
const saidBy = (call: () => unknown) =>
  Promise.resolve()
    .then(call)
    .then(
      () => "nothing",
      (error: Error) => error.message,
    );

it("shows a refused value without the credentials that were put there by mistake", async () => {
  const { client } = await connected();
  const refusals = [
    () => topic(url),
    () => client.subscribe(topic("t"), { group: url }, () => {}),
    () => client.subscribe(topic("t"), { group: "g", [`password=${password}`]: 1 } as never, () => {}),
    () => client.publish(topic("t"), 1, { headers: { [`waybill-password=${password}`]: "1" } }),
    () => client.publish(topic("t"), 1, { headers: { [`content-type`]: url } }),
  ];
  for (const refusal of refusals) {
    const said = await saidBy(refusal);
    expect(said).not.toBe("nothing");
    expect(said).not.toContain(password);
  }
});

it("cuts only after the credentials are gone", () => {
  const long = `https://u:${password}${"x".repeat(300)}@host/`;
  expect(errorText({ url: long })).toBe('url: "https://***@host/"');
  expect(errorText({ message: { url: long } })).toBe('url: "https://***@host/"');
  expect(shown(long)).toBe('"https://***@host/"');
  expect(shownText("y".repeat(5_000))).toHaveLength(100);
});

it("finds credentials of URLs that are encoded into another text, in linear time", () => {
  expect(errorText(`to=${encodeURIComponent(url)}&x=1`)).toBe("to=redis%3A%2F%2F***%40h&x=1");
  const began = performance.now();
  errorText("%3a%2f%2f".repeat(450));
  expect(performance.now() - began).toBeLessThan(200);
});
