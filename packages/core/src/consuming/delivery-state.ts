/**
 * Where a received message is on its way through this process.
 *
 * | state     | means                                                                          |
 * |-----------|--------------------------------------------------------------------------------|
 * | queued    | waits for its turn                                                             |
 * | running   | its handler runs                                                               |
 * | finishing | its handler still runs, and the broker has been asked to take its settlement   |
 * | released  | its handler still runs, and the broker has its settlement                      |
 * | settling  | its handler has ended, and a retry or a dead-lettered copy is being stored     |
 * | delayed   | failed, and waits in place for its next attempt                                |
 * | blocking  | given up, or maybe so: its key waits for what becomes of its dead-lettered copy    |
 * | acking    | the broker has been asked to take its settlement                               |
 * | orphaned  | the broker has taken it back while it was being worked on                      |
 * | ended     | nothing more is done with it here                                              |
 */
export type DeliveryState =
  | "queued"
  | "running"
  | "finishing"
  | "released"
  | "settling"
  | "delayed"
  | "blocking"
  | "acking"
  | "orphaned"
  | "ended";

/**
 * What can happen to it.
 *
 * | event   | means                                                                      |
 * |---------|----------------------------------------------------------------------------|
 * | start   | its turn has come                                                          |
 * | settle  | it was settled while its handler runs                                      |
 * | store   | its handler has ended, and a copy is to be stored elsewhere                |
 * | delay   | its handler has ended, or it came again too early, and it waits in place   |
 * | due     | its wait is over, or it may run after all                                  |
 * | block   | its key is to wait for its dead-lettered copy, or for word of whether there is one |
 * | ack     | its work is over, and the broker is asked to take the settlement           |
 * | release | the broker has the settlement, or will never need it                       |
 * | finish  | its work is over, and nothing is asked of the broker                       |
 * | lose    | the broker has taken it back                                               |
 * | forget  | it is handed back, since the subscription closes or its partition moves    |
 */
export type DeliveryEvent =
  | "start"
  | "settle"
  | "store"
  | "delay"
  | "due"
  | "block"
  | "ack"
  | "release"
  | "finish"
  | "lose"
  | "forget";

/** Every transition there is. What is not here cannot happen. */
export const deliveryTransitions: Readonly<
  Record<DeliveryState, Readonly<Partial<Record<DeliveryEvent, DeliveryState>>>>
> = {
  queued: { start: "running", delay: "delayed", block: "blocking", lose: "ended", forget: "ended" },
  running: {
    settle: "finishing",
    store: "settling",
    delay: "delayed",
    ack: "acking",
    finish: "ended",
    lose: "orphaned",
  },
  // What becomes of a settlement that is under way, its own answer tells.
  finishing: { release: "released", finish: "acking", lose: "finishing" },
  released: { finish: "ended" },
  settling: { ack: "acking", delay: "delayed", block: "blocking", finish: "ended", lose: "orphaned" },
  delayed: { due: "queued", lose: "ended", forget: "ended" },
  blocking: { due: "queued", ack: "acking", lose: "ended", forget: "ended" },
  acking: { release: "ended", lose: "acking" },
  orphaned: { finish: "ended" },
  ended: {},
};

/** The state after an event. Throws for a pair that is not in the table: it is a fault of core's own. */
export function nextState(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  const next = deliveryTransitions[state][event];
  if (next === undefined) throw new Error(`A delivery that is ${state} cannot ${event}.`);
  return next;
}
