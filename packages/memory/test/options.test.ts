import { expect, test } from "vitest";
import { adapter, MemoryBroker, memory, namedBroker, virtualClock } from "../src/index.ts";

const hooks = { lost() {}, report() {} };
const call = { signal: new AbortController().signal };
const brokerOf = async (url: string) => (await adapter.fromUrl(url, {}).connect(hooks, call)).native;

test("memory: is a broker of its own each time, memory:name the same one", async () => {
  expect(await brokerOf("memory:")).not.toBe(await brokerOf("memory:"));
  expect(await brokerOf("memory:options-a")).toBe(namedBroker("options-a"));
  expect(await brokerOf("memory://options-a")).toBe(namedBroker("options-a"));
  expect(await brokerOf("memory:options-b")).not.toBe(namedBroker("options-a"));
});

test("options are read from the URL and show in the capabilities", () => {
  const { capabilities } = adapter.fromUrl("memory:?leaseMs=1500&messageBytes=2000", {});
  expect(capabilities.lease?.ms).toBe(1_500);
  expect(capabilities.limits.messageBytes).toBe(2_000);
  expect(memory({ leaseMs: 5, messageBytes: 7 }).capabilities).toMatchObject({
    lease: { ms: 5 },
    limits: { messageBytes: 7 },
  });
});

test("what nobody reads, or nobody can, is refused", () => {
  const unknown = { code: "UNKNOWN_OPTION" };
  const invalid = { code: "INVALID_ARGUMENT" };
  expect(() => adapter.fromUrl("memory:?lease=1", {})).toThrow(expect.objectContaining(unknown));
  expect(() => memory({ lease: 1 } as never)).toThrow(expect.objectContaining(unknown));
  expect(() => new MemoryBroker({ leaseMs: 1 } as never)).toThrow(expect.objectContaining(unknown));
  expect(() => adapter.fromUrl("memory:?leaseMs=0", {})).toThrow(expect.objectContaining(invalid));
  expect(() => adapter.fromUrl("memory:?clock=1", {})).toThrow(expect.objectContaining(invalid));
  expect(() => adapter.fromUrl("memory://name/path", {})).toThrow(expect.objectContaining(invalid));
  expect(() => new MemoryBroker({ clock: {} as never })).toThrow(expect.objectContaining(invalid));
});

test("options for a broker that exists already are refused unless they agree", () => {
  const broker = new MemoryBroker({ clock: virtualClock() });
  expect(() => memory({ broker, maxMessages: 1 } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
  adapter.fromUrl("memory:options-c?maxMessages=5", {});
  adapter.fromUrl("memory:options-c?maxMessages=5&leaseMs=9", {});
  adapter.fromUrl("memory:options-c", {});
  expect(() => adapter.fromUrl("memory:options-c?maxMessages=6", {})).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});
