import type { Program, ProgramSettings } from "@waybill/conformance/model";

const settings: ProgramSettings = {
  maxAttempts: 3,
  backoffMs: 1_000,
  destinations: [0],
  clients: 2,
  members: 2,
  schemaMs: undefined,
  middlewareMs: undefined,
  drainTimeoutMs: 30_000,
  leaseMs: 30_000,
  maxLeaseMs: undefined,
  unhurried: true,
};
const keyed = { do: "publish", client: 0, to: 0, key: 0, count: 2, delayMs: 0, ttlMs: undefined } as const;

/** Programs that chance seldom makes, each of which has shown a fault. They run first. */
export const knownPrograms: readonly Program[] = [
  // A handler outlives `maxLeaseMs`, and more of its key comes before its message comes again.
  {
    settings: { ...settings, destinations: [1], clients: 1, members: 0, leaseMs: 3_000, maxLeaseMs: 6_000 },
    commands: [
      { do: "subscribe", client: 0, to: 0, group: 0, concurrency: 2, prefetch: 3 },
      { ...keyed, outcomes: [{ is: "ok", afterMs: 7_000 }] },
      { do: "pass", ms: 6_150 },
      { ...keyed, outcomes: [] },
      { do: "pass", ms: 15_000 },
    ],
  },
  // A connection is lost while a handler runs, and another client has its message at once.
  {
    settings: { ...settings, unhurried: false },
    commands: [
      { ...keyed, outcomes: [{ is: "throw", afterMs: 500, what: "error" }] },
      { do: "latency", client: 0, ms: 0 },
      { do: "cut", client: 0 },
    ],
  },
  // The same while its subscription closes.
  {
    settings,
    commands: [
      { ...keyed, outcomes: [{ is: "hang", deaf: false }] },
      { do: "redeploy", client: 0, timeoutMs: 30_000 },
      { do: "pass", ms: 1_000 },
      { do: "cut", client: 0 },
      { do: "pass", ms: 1_000 },
    ],
  },
  // A settlement is refused until it is given up, and nothing comes after it.
  {
    settings: { ...settings, destinations: [1], clients: 1, members: 1 },
    commands: [
      { do: "fault", client: 0, fault: { call: "settle", how: "refused", times: 6 } },
      { ...keyed, count: 1, outcomes: [] },
      { do: "pass", ms: 61_000 },
    ],
  },
  // A handler puts its message off in the very turn in which its connection is lost.
  {
    settings: {
      ...settings,
      maxAttempts: 1,
      destinations: [3],
      clients: 1,
      members: 1,
      middlewareMs: 0,
      unhurried: false,
    },
    commands: [
      { ...keyed, count: 1, outcomes: [{ is: "postpone", delayMs: 100 }] },
      { do: "latency", client: 0, ms: 0 },
      { do: "cut", client: 0 },
      { do: "pass", ms: 61_000 },
    ],
  },
];
