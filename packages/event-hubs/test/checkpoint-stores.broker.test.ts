import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { BlobStore } from "../src/groups/blob-checkpoint-store.ts";
import type { GroupStore } from "../src/groups/checkpoint-store.ts";
import { memoryStore } from "../src/groups/memory-checkpoint-store.ts";
import { RedisStore } from "../src/groups/redis-checkpoint-store.ts";
import { settings } from "./workbench.ts";

const noCredential = () => Promise.reject(new Error("none"));
const redisUrl = process.env.WAYBILL_REDIS_URL;
const { checkpoints = "" } = settings;

const stores: readonly [string, () => Promise<GroupStore>][] = [
  ["in memory", async () => memoryStore("test")],
  ["in blobs", () => BlobStore.open(checkpoints, noCredential)],
  // Redis is another broker's: this store is proven wherever it happens to run.
  ...(redisUrl === undefined || redisUrl === ""
    ? []
    : [["in Redis", () => RedisStore.open(redisUrl)] as [string, () => Promise<GroupStore>]]),
];

describe.each(stores)("checkpoints %s", (_, open) => {
  const opened: GroupStore[] = [];
  const hub = `Hub-${randomUUID()}`;
  const store = async () => {
    const one = await open();
    opened.push(one);
    return one;
  };
  afterAll(async () => {
    await opened[0]?.forget?.("ns", hub);
    await Promise.all(opened.map((one) => one.close?.()));
  });

  const claim = (group: string, partitionId: string, ownerId: string, etag?: string) => ({
    fullyQualifiedNamespace: "ns",
    eventHubName: hub,
    consumerGroup: group,
    partitionId,
    ownerId,
    ...(etag === undefined ? {} : { etag }),
  });
  const checkpoint = (group: string, partitionId: string, sequenceNumber: number) => ({
    fullyQualifiedNamespace: "ns",
    eventHubName: hub,
    consumerGroup: group,
    partitionId,
    sequenceNumber,
    offset: String(sequenceNumber * 100),
  });

  it("a first claim is won by one, however many claim at once", async () => {
    const claimants = await Promise.all(Array.from({ length: 8 }, store));
    const won = await Promise.all(
      claimants.map((one, i) => one.claimOwnership([claim("race", "0", `owner-${i}`)])),
    );
    expect(won.flat()).toHaveLength(1);
    const [listed] = await (claimants[0] as GroupStore).listOwnership("ns", hub, "race");
    expect(listed?.ownerId).toBe(won.flat()[0]?.ownerId);
    expect(listed?.etag).toBe(won.flat()[0]?.etag);
  });

  it("a claim needs the record as it is; of a batch each is decided by itself", async () => {
    const one = await store();
    const [first, second] = await one.claimOwnership([claim("g", "0", "a"), claim("g", "1", "a")]);
    const [taken] = await one.claimOwnership([claim("g", "0", "b", first?.etag)]);
    expect(taken?.etag).not.toBe(first?.etag);
    const renewed = await one.claimOwnership([
      claim("g", "0", "a", first?.etag),
      claim("g", "1", "a", second?.etag),
    ]);
    expect(renewed.map(({ partitionId }) => partitionId)).toEqual(["1"]);
    const owners = (await one.listOwnership("ns", hub, "g")).map(({ partitionId, ownerId }) => [
      partitionId,
      ownerId,
    ]);
    expect(owners.toSorted()).toEqual([
      ["0", "b"],
      ["1", "a"],
    ]);
  });

  it("times of records are near to now, and records without an owner are listed as such", async () => {
    const one = await store();
    const [first] = await one.claimOwnership([claim("free", "0", "a")]);
    expect(Math.abs((first?.lastModifiedTimeInMs ?? 0) - Date.now())).toBeLessThan(5_000);
    await one.claimOwnership([claim("free", "0", "", first?.etag)]);
    expect((await one.listOwnership("ns", hub, "free"))[0]?.ownerId).toBe("");
  });

  it("checkpoints are kept by group and partition, the last counts, and case does not", async () => {
    const one = await store();
    await one.updateCheckpoint(checkpoint("Billing", "0", 5));
    await one.updateCheckpoint(checkpoint("Billing", "1", -1));
    await one.updateCheckpoint(checkpoint("billing", "0", 9));
    await one.updateCheckpoint(checkpoint("other", "0", 1));
    const kept = await one.listCheckpoints("NS", hub.toUpperCase(), "BILLING");
    expect(
      kept.map(({ partitionId, sequenceNumber, offset }) => [partitionId, sequenceNumber, offset]).toSorted(),
    ).toEqual([
      ["0", 9, "900"],
      ["1", -1, "-100"],
    ]);
  });

  it("notes are kept with their checkpoint as they are, and go with the next", async () => {
    const one = await store();
    const notes = "waybill-1 2s lx3k 0:1:1e,4:2:0";
    await one.updateCheckpoint({ ...checkpoint("noted", "0", 1), notes });
    const [kept] = await one.listCheckpoints("ns", hub, "noted");
    expect([kept?.sequenceNumber, kept?.offset, kept?.notes]).toEqual([1, "100", notes]);
    await one.updateCheckpoint(checkpoint("noted", "0", 2));
    expect((await one.listCheckpoints("ns", hub, "noted"))[0]?.notes ?? "").toBe("");
  });

  it("what is forgotten is gone: a group, or all of a hub", async () => {
    const one = await store();
    await one.updateCheckpoint(checkpoint("x", "0", 1));
    await one.updateCheckpoint(checkpoint("y", "0", 1));
    await one.claimOwnership([claim("x", "0", "a")]);
    await one.forget?.("ns", hub, "x");
    expect(await one.listCheckpoints("ns", hub, "x")).toEqual([]);
    expect(await one.listOwnership("ns", hub, "x")).toEqual([]);
    expect(await one.listCheckpoints("ns", hub, "y")).toHaveLength(1);
    await one.forget?.("ns", hub);
    expect(await one.listCheckpoints("ns", hub, "y")).toEqual([]);
  });
});

describe("blobs", () => {
  it("are the vendor's: each reads what the other has written", async () => {
    const { BlobCheckpointStore } = await import("@azure/eventhubs-checkpointstore-blob");
    const { ContainerClient, StorageSharedKeyCredential } = await import("@azure/storage-blob");
    const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    const container = new ContainerClient(
      checkpoints,
      new StorageSharedKeyCredential("devstoreaccount1", key),
    );
    const vendors = new BlobCheckpointStore(container as never);
    const ours = await BlobStore.open(checkpoints, noCredential);
    const hub = `hub-${randomUUID()}`;
    const place = { fullyQualifiedNamespace: "ns", eventHubName: hub, consumerGroup: "g" };

    await ours.updateCheckpoint({ ...place, partitionId: "0", sequenceNumber: 7, offset: "700" });
    await vendors.updateCheckpoint({ ...place, partitionId: "1", sequenceNumber: 8, offset: "800" } as never);
    const [theirs] = await vendors.claimOwnership([{ ...place, partitionId: "0", ownerId: "vendor" }]);
    expect(await ours.claimOwnership([{ ...place, partitionId: "0", ownerId: "ours" }])).toEqual([]);
    const [taken] = await ours.claimOwnership([
      { ...place, partitionId: "0", ownerId: "ours", etag: theirs?.etag as string },
    ]);

    const bySequence = (found: readonly { readonly sequenceNumber: number }[]) =>
      found.map(({ sequenceNumber }) => sequenceNumber).toSorted();
    expect(bySequence(await ours.listCheckpoints("ns", hub, "g"))).toEqual([7, 8]);
    expect(bySequence(await vendors.listCheckpoints("ns", hub, "g"))).toEqual([7, 8]);
    const [owned] = await vendors.listOwnership("ns", hub, "g");
    expect(owned?.ownerId).toBe("ours");
    expect(taken?.etag).toBe(`"${owned?.etag}"`);
    await ours.forget("ns", hub);
  });
});
