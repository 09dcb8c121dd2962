/** What runs in place of the service: Google's emulator, or `pstest` of its Go client. */
export type Emulator = "emulator" | "pstest";

/** A case that fails because of the emulator: always, or where it is a race of its own `sometimes`. */
interface EmulatorQuirk {
  readonly case: string;
  readonly reason: string;
  readonly failure?: RegExp;
  readonly sometimes?: boolean;
}

type Manner = Pick<EmulatorQuirk, "failure" | "sometimes">;

const because = (reason: string, cases: readonly string[], manner: Manner = {}): EmulatorQuirk[] =>
  cases.map((id) => ({ ...manner, case: id, reason }));

/** Out of order, and nothing lost. */
const reorderedOnly = /^\d+ reordered/;

/** What each gets wrong that the service does. */
export const quirksOf: Readonly<Record<Emulator, readonly EmulatorQuirk[]>> = {
  emulator: [
    ...because(
      "The emulator delivers what comes back behind later messages of its key.",
      [
        "ordering.across-a-rebalance",
        "ordering.across-a-lost-connection",
        "ordering.across-a-reset",
        "ordering.across-a-restart",
        "ordering.blocked-across-a-restart",
        "ordering.blocked-across-a-crash",
        "faults.connection-lost",
        "faults.connection-reset",
        "faults.half-open",
        "faults.replies-dropped",
        "faults.consumer-process-killed",
        "faults.rebalance-storm",
      ],
      { sometimes: true, failure: reorderedOnly },
    ),
    ...because("The emulator gives a new subscription all that its topic retains.", [
      "replay.latest-on-a-retained-topic",
    ]),
    ...because("The emulator cannot seek on a subscription that keeps order.", [
      "replay.keeps-order-per-key",
    ]),
  ],
  pstest: [
    ...because("pstest cannot seek.", [
      "replay.from-earliest",
      "replay.from-time",
      "replay.group-from-earliest",
      "replay.group-from-time",
      "replay.time-as-date",
      "replay.leaves-the-live-group-alone",
      "replay.may-be-repeated",
      "replay.keeps-order-per-key",
      "replay.start-matters-only-once",
      "replay.declared-with-a-start",
      "prefetch-bytes.replay",
    ]),
    ...because("pstest takes requests of up to 4 MiB.", ["limits.largest-allowed"]),
  ],
};
