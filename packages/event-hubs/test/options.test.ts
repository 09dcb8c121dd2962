import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { openStore } from "../src/groups/open-checkpoint-store.ts";
import { adapter, eventHubs } from "../src/index.ts";
import { readSettings, settingsFromUrl } from "../src/options.ts";

const key = "c2VjcmV0L2tleSs9";
const connectionString = `Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=${key};EntityPath=orders`;

function failure(work: () => unknown): { readonly code: string; readonly message: string } {
  try {
    work();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("It did not fail.");
}

describe("options", () => {
  it("take a namespace by its short name or its host, with TLS", () => {
    const { namespace, port, tls, endpoint, management } = settingsFromUrl("eventhubs://shop", {});
    expect({ namespace, port, tls, endpoint, management }).toEqual({
      namespace: "shop.servicebus.windows.net",
      port: 5671,
      tls: true,
      endpoint: "sb://shop.servicebus.windows.net/",
      management: "https://shop.servicebus.windows.net",
    });
    expect(settingsFromUrl("eventhubs://shop.servicebus.usgovcloudapi.net", {}).namespace).toBe(
      "shop.servicebus.usgovcloudapi.net",
    );
  });

  it("take a key with any sign, percent-encoded", async () => {
    const { tokens } = settingsFromUrl(`eventhubs://root:${encodeURIComponent(key)}@shop`, {});
    const { text } = await tokens("sb://shop.servicebus.windows.net/orders");
    const same = await readSettings({ namespace: "shop", keyName: "root", key }).tokens(
      "sb://shop.servicebus.windows.net/orders",
    );
    expect(text.replace(/se=\d+/, "").split("&")[0]).toBe(same.text.replace(/se=\d+/, "").split("&")[0]);
    expect(text).toContain("skn=root");
    expect(text).not.toContain(key);
  });

  it("take a connection string, whose hub stands for its rights", () => {
    const settings = readSettings({ connectionString });
    expect(settings.namespace).toBe("shop.servicebus.windows.net");
    expect(settings.entity).toBe("orders");
    expect(settingsFromUrl("eventhubs:", { EVENTHUBS_CONNECTION_STRING: connectionString }).namespace).toBe(
      "shop.servicebus.windows.net",
    );
  });

  it("know the emulator, and a way around", () => {
    const settings = settingsFromUrl(
      "eventhubs://root:key@127.0.0.1:5674?emulator=true&endpoint=10.0.0.1:99",
      {},
    );
    expect(settings).toMatchObject({ namespace: "127.0.0.1", host: "10.0.0.1", port: 99, tls: false });
    expect(settings.endpoint).toBe("sb://127.0.0.1:5674/");
    expect(settings.management).toBe("http://127.0.0.1:5674");
  });

  it.each([
    ["a key without its name", { namespace: "shop", key }],
    ["no namespace", {}],
    ["a connection string that is none", { connectionString: key }],
    ["a connection string and a namespace", { connectionString, namespace: "shop" }],
    ["two checkpoint stores", { namespace: "shop", checkpoints: "memory:", checkpointStore: store() }],
    ["a store that is none", { namespace: "shop", checkpointStore: {} as never }],
    ["too many partitions", { namespace: "shop", partitions: 5_000 }],
  ])("refuse %s, without a secret in the error", (_, options) => {
    const { code, message } = failure(() => eventHubs(options));
    expect(code).toBe("INVALID_ARGUMENT");
    expect(message).not.toContain(key);
  });

  it("refuse checkpoints that are no URL, and show nothing of what they are", async () => {
    const checkpoints = `https://account:${key}@no host/container`;
    const settings = readSettings({ namespace: "shop", checkpoints });
    const cause = await openStore(settings).catch((error: unknown) => error);
    expect(cause).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(inspect(cause)).not.toContain(key);
  });

  it("refuse what nobody reads, and what is said twice", () => {
    expect(failure(() => adapter.fromUrl("eventhubs://shop?partition=3", {})).code).toBe("UNKNOWN_OPTION");
    expect(failure(() => adapter.fromUrl("eventhubs://shop?namespace=other", {})).code).toBe(
      "INVALID_ARGUMENT",
    );
    expect(failure(() => adapter.fromUrl("eventhubs://shop/orders", {})).code).toBe("INVALID_ARGUMENT");
    for (const url of ["eventhubs://name:12?s3cret@shop", "eventhubs://shop?partitions=s3cret"])
      expect(failure(() => adapter.fromUrl(url, {})).message).not.toContain("s3cret");
  });
});

function store() {
  const nothing = async () => [];
  return {
    listOwnership: nothing,
    claimOwnership: nothing,
    listCheckpoints: nothing,
    updateCheckpoint: async () => {},
  };
}
