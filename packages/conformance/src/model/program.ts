/** The topics and queues of every program. A topic has the groups `a` and `b`. */
export const destinationNames = ["ordered-topic", "ordered-queue", "topic", "queue"] as const;
export type DestinationName = (typeof destinationNames)[number];

/** What a handler does with a message at one of its calls. */
export type Outcome =
  | { readonly is: "ok"; readonly afterMs: number }
  | { readonly is: "throw"; readonly afterMs: number; readonly what: Thrown }
  /** `awaited`: the handler waits for its own settlement; then it ends as `next` says. */
  | {
      readonly is: "ack" | "retry" | "reject";
      readonly awaited: boolean;
      readonly next: "return" | "throw" | "hang";
      readonly delayMs?: number;
    }
  | { readonly is: "postpone"; readonly delayMs: number }
  /** Until its signal fires; `deaf`: not even then. */
  | { readonly is: "hang"; readonly deaf: boolean };

/** What a handler may throw: errors, and what only looks like one. */
export const thrown = [
  "error",
  "not retryable",
  "undefined",
  "null prototype",
  "getter that throws",
  "message that is no string",
  "symbol",
  "hostile thenable",
] as const;
export type Thrown = (typeof thrown)[number];

/** A call of core's to its driver, and what goes wrong with it. */
export interface DriverFault {
  readonly call: "publish" | "settle" | "extend" | "consume" | "closeConsumer" | "connect" | "ensure";
  /** `refused`: nothing was done. `answer lost`: it was done. `hangs`: until the connection is cut. */
  readonly how: "refused" | "answer lost" | "hangs";
  readonly times: number;
}

/** One step of a program. Numbers of clients and subscriptions are taken modulo how many there are. */
export type Command =
  | {
      readonly do: "publish";
      readonly client: number;
      readonly to: number;
      readonly key: number | undefined;
      readonly count: number;
      readonly delayMs: number;
      readonly ttlMs: number | undefined;
      /** Of the first calls; the rest are `ok`. */
      readonly outcomes: readonly Outcome[];
    }
  | {
      readonly do: "subscribe";
      readonly client: number;
      readonly to: number;
      readonly group: number;
      readonly concurrency: number;
      readonly prefetch: number | undefined;
    }
  | { readonly do: "unsubscribe"; readonly subscription: number; readonly timeoutMs: number }
  | { readonly do: "pause" | "resume"; readonly subscription: number }
  | { readonly do: "setConcurrency"; readonly subscription: number; readonly concurrency: number }
  /** Closes the client, and begins another with the same subscriptions when that is done. */
  | { readonly do: "redeploy"; readonly client: number; readonly timeoutMs: number }
  /** Its connection is gone without a word, and its process with it; another begins. */
  | { readonly do: "crash"; readonly client: number }
  | { readonly do: "cut"; readonly client: number }
  | { readonly do: "outage"; readonly ms: number }
  /** For so long the client's renewals of leases do not reach the broker. */
  | { readonly do: "stallLeases"; readonly client: number; readonly ms: number }
  /** On a log: its partitions are spread anew over the members of every group. */
  | { readonly do: "movePartitions"; readonly by: number }
  | { readonly do: "fault"; readonly client: number; readonly fault: DriverFault }
  | { readonly do: "latency"; readonly client: number; readonly ms: number }
  | { readonly do: "jump"; readonly client: number; readonly ms: number }
  | { readonly do: "redrive"; readonly client: number; readonly to: number; readonly group: number }
  /** Where the broker has request and reply. */
  | { readonly do: "respond"; readonly client: number }
  | {
      readonly do: "request";
      readonly client: number;
      readonly timeoutMs: number;
      readonly answer: "comes" | "is slow" | "never" | "throws" | "throws oddly";
    }
  | { readonly do: "pass"; readonly ms: number };

/** What holds for the whole of a program. */
export interface ProgramSettings {
  readonly maxAttempts: number;
  readonly backoffMs: number;
  /** Of the messages that the ordered destinations take, these stay in order; the others have none. */
  readonly destinations: readonly number[];
  readonly clients: number;
  /** Time, in milliseconds, that the schema of every destination takes; `undefined` for no schema. */
  readonly schemaMs: number | undefined;
  readonly middlewareMs: number | undefined;
  readonly drainTimeoutMs: number;
  readonly leaseMs: number;
  readonly maxLeaseMs: number | undefined;
  /** Whether things may happen between one command and the next. */
  readonly unhurried: boolean;
}

/** A program: plain data, so that it can be printed, kept and run again. */
export interface Program {
  readonly settings: ProgramSettings;
  readonly commands: readonly Command[];
}
