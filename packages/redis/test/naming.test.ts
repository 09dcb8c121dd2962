import { expect, it } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
import { groupKeys, targetKeys, topicKeys } from "../src/naming.ts";

/** What Redis Cluster hashes: what is between the first brace and the next, if there is something. */
const hashed = (key: string) => /\{([^}]+)\}/.exec(key)?.[1] ?? key;

it("keeps all keys of a destination in one slot of a cluster", () => {
  for (const name of ["orders.placed", "{app}:orders"]) {
    const group = groupKeys(addressOf("group", name, "billing"));
    const topic = topicKeys(name);
    const keys = [
      group.main.stream,
      group.main.waiting,
      group.returns.stream,
      group.returns.waiting,
      group.lock,
    ];
    keys.push(topic.readers, topic.retention);
    expect(new Set(keys.map(hashed)).size).toBe(1);
    expect(new Set(keys).size).toBe(keys.length);
  }
});

it("gives each group a return path of its own, and a queue one", () => {
  expect(targetKeys(addressOf("group", "orders", "a")).stream).toBe("{orders}..a..retry");
  expect(targetKeys(addressOf("topic", "orders")).stream).toBe("orders");
  expect(targetKeys(addressOf("queue", "jobs")).stream).toBe("jobs");
  expect(groupKeys(addressOf("queue", "jobs")).returns.stream).toBe("{jobs}..retry");
});

it("uses the delayed messages of one stream for all who read it", () => {
  const waiting = topicKeys("orders").main.waiting;
  expect(groupKeys(addressOf("group", "orders", "a")).main.waiting).toBe(waiting);
  expect(targetKeys(addressOf("queue", "orders")).waiting).toBe(waiting);
});
