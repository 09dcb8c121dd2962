import { expect, it } from "vitest";
import { bytes, type Codec, type Observer, queue } from "../src/index.ts";
import { connected, delivery } from "./workbench.ts";

const raw = (...body: number[]) => ({ body: new Uint8Array(body), contentType: bytes.contentType });
const bodiesOf = (messages: readonly { readonly body: Uint8Array }[]) =>
  messages.map(({ body }) => [...body]);

/** Works on what it is given, as a cipher does. */
const inPlace: Codec<Uint8Array> = {
  ...bytes,
  decode(body) {
    body[0] = (body[0] ?? 0) + 1;
    return body;
  },
};

it.each([
  ["with a key, whose retry waits in place", "k"],
  ["without one", undefined],
])(
  "a handler that works on its bytes changes neither the retry nor the dead-lettered copy, %s",
  async (_what, key) => {
    const { client, driver, clock } = await connected({ capabilities: { retry: { how: "republish" } } });
    const seen: unknown[] = [];
    const contract =
      key === undefined
        ? queue<Uint8Array>("jobs", { codec: bytes })
        : queue<Uint8Array>("jobs", { codec: bytes, key: () => key });
    await client.consume(
      contract,
      { retry: { maxAttempts: 2, backoff: { initialMs: 1 } } },
      (value: Uint8Array, each) => {
        seen.push([...value], [...each.body], { ...each.headers });
        value.fill(9);
        each.body.fill(9);
        (each.headers as Record<string, string>).a = "changed";
        throw new Error("failed");
      },
    );
    driver.consumer().deliver(delivery(0, { ...raw(1, 2, 3), key, headers: { a: "1" } }));
    await clock.pass(10_000);
    const again = driver.sent("jobs")[0];
    if (again !== undefined) {
      driver.consumer().deliver(delivery(0, { ...raw(...again.body), headers: again.headers }));
      await clock.pass(10_000);
    }
    expect(seen).toEqual([[1, 2, 3], [1, 2, 3], { a: "1" }, [1, 2, 3], [1, 2, 3], { a: "1" }]);
    expect(bodiesOf(driver.sent("jobs..dead"))).toEqual([[1, 2, 3]]);
    expect(driver.sent("jobs..dead")[0]?.headers.a).toBe("1");
  },
);

it("a codec that decodes in place changes neither the retry nor the dead-lettered copy", async () => {
  const { client, driver, clock } = await connected();
  const seen: unknown[] = [];
  const Jobs = queue<Uint8Array>("jobs", { codec: inPlace, key: () => "k" });
  await client.consume(
    Jobs,
    { retry: { maxAttempts: 2, backoff: { initialMs: 1 } } },
    (value: Uint8Array) => {
      seen.push([...value]);
      throw new Error("failed");
    },
  );
  driver.consumer().deliver(delivery(0, { ...raw(1, 2), key: "k" }));
  await clock.pass(10_000);
  expect(seen).toEqual([
    [2, 2],
    [2, 2],
  ]);
  expect(bodiesOf(driver.sent("jobs..dead"))).toEqual([[1, 2]]);
});

it("an observer that changes what it is shown changes nothing else", async () => {
  const hostile = (message: { body: Uint8Array; headers: Readonly<Record<string, string>>; id: string }) => {
    message.body.fill(0);
    (message.headers as Record<string, string>).a = "changed";
    message.id = "changed";
  };
  const told: string[] = [];
  const observer: Observer = {
    received(_from, batch) {
      told.push("received");
      for (const each of batch) hostile(each as never);
      (batch as unknown[]).length = 0;
    },
    handled(_from, each) {
      told.push("handled");
      hostile(each as never);
    },
    published(_to, batch) {
      told.push("published");
      for (const each of batch) hostile(each as never);
      (batch as unknown[]).length = 0;
    },
  };
  let tries = 0;
  const { client, driver, clock } = await connected(
    {
      publish: (batch, to) =>
        to.name === "jobs..dead" && tries++ === 0
          ? batch.map(() => ({ ok: false, cause: new Error("not now") }))
          : undefined,
    },
    { observer },
  );
  await client.consume(queue<Uint8Array>("jobs", { codec: bytes }), { retry: { maxAttempts: 1 } }, () => {
    throw new Error("failed");
  });
  driver.consumer().deliver(delivery(0, { ...raw(1, 2), id: "m-1", headers: { a: "1" } }));
  await clock.pass(10_000);
  expect(told).toEqual(["received", "handled", "published", "published"]);
  const sent = driver.sent("jobs..dead");
  expect(bodiesOf(sent)).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(sent.map(({ id, headers }) => [id, headers.a])).toEqual([
    ["m-1", "1"],
    ["m-1", "1"],
  ]);
});
