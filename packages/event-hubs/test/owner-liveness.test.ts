import { describe, expect, it } from "vitest";
import { OwnerLiveness } from "../src/groups/owner-liveness.ts";

const record = (etag: string, ownerId = "owner", modified?: number) => ({
  fullyQualifiedNamespace: "ns",
  eventHubName: "hub",
  consumerGroup: "group",
  partitionId: "0",
  ownerId,
  etag,
  ...(modified === undefined ? {} : { lastModifiedTimeInMs: modified }),
});

const session = 1_000;

describe("who is alive", () => {
  it("is who renews its record within a session, as long as that is watched", () => {
    const liveness = new OwnerLiveness(session);
    expect(liveness.living([record("1")], 0, 0)).toHaveLength(1);
    expect(liveness.living([record("1")], 999, 0)).toHaveLength(1);
    expect(liveness.living([record("2")], 1_500, 0), "it was renewed").toHaveLength(1);
    expect(liveness.living([record("2")], 2_499, 0)).toHaveLength(1);
    expect(liveness.living([record("2")], 2_500, 0)).toHaveLength(0);
  });

  it("does not depend on the clocks of others: an odd time of a record that changes ends nobody", () => {
    const liveness = new OwnerLiveness(session);
    const now = 1_000_000;
    expect(liveness.living([record("1", "owner", now + 60_000)], 0, now)).toHaveLength(1);
    expect(liveness.living([record("2", "owner", now - 60_000)], 900, now)).toHaveLength(1);
    expect(liveness.living([record("2", "owner", now - 60_000)], 1_899, now)).toHaveLength(1);
    expect(liveness.living([record("2", "owner", now - 60_000)], 1_900, now)).toHaveLength(0);
  });

  it("what was written by the store long before now is dead at first sight", () => {
    expect(new OwnerLiveness(session).living([record("1", "owner", 10_000)], 0, 20_000)).toHaveLength(0);
  });

  it("a record without an owner was given back", () => {
    expect(new OwnerLiveness(session).living([record("1", "")], 0, 0)).toHaveLength(0);
  });
});
