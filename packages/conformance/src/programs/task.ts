import type { ReachableUrl } from "../target.ts";

/** What a child process is told to do: its only argument, as JSON. */
export interface Task {
  readonly reach: ReachableUrl;
  /** The portable name of the queue it consumes. */
  readonly queue: string;
  /** The contract has an ordering key (the field `k`). */
  readonly ordered: boolean;
  /**
   * What its handler does: end after `takesMs`; never end; kill the process; or
   * answer the request with what came and its own process id.
   */
  readonly handler: { readonly takesMs: number } | "hang" | "die" | "answer";
  readonly concurrency: number;
  readonly prefetch: number;
  /** Attempts before it is dead-lettered, with a short backoff. Default: the default retry policy. */
  readonly attempts?: number | undefined;
}

/** What a child process tells its parent. */
export type Report =
  | { readonly event: "ready" }
  | { readonly event: "started"; readonly value: unknown; readonly attempt: number }
  | { readonly event: "finished"; readonly value: unknown }
  | { readonly event: "closed" }
  | { readonly event: "failed"; readonly message: string };
