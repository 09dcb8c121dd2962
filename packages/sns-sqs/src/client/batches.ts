import { EntryError } from "../errors.ts";

/** The most entries of one request, in SQS and SNS alike. */
export const mostEntries = 10;
/** What one request to SQS may carry, in bytes. */
export const sqsRequestBytes = 1_048_576;

/** What both services answer to a batch, with 200 and yet perhaps with failures in it. */
export interface BatchAnswer<S extends { readonly Id?: string | undefined }> {
  readonly Successful?: readonly S[] | undefined;
  readonly Failed?: readonly FailedEntry[] | undefined;
}

interface FailedEntry {
  readonly Id: string | undefined;
  readonly Code: string | undefined;
  readonly Message?: string | undefined;
  readonly SenderFault: boolean | undefined;
}

/** The items in runs of ten. */
export function tens<T>(items: readonly T[]): (readonly T[])[] {
  const runs: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += mostEntries)
    runs.push(items.slice(start, start + mostEntries));
  return runs;
}

/** The items in runs that each fit into one request, by number and by size. */
export function packed<T>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  mostBytes: number,
): (readonly T[])[] {
  const runs: (readonly T[])[] = [];
  for (let start = 0; start < items.length; ) {
    let end = start;
    for (let bytes = 0; end < items.length && end - start < mostEntries; end++) {
      bytes += sizeOf(items[end] as T);
      if (bytes > mostBytes && end > start) break;
    }
    runs.push(items.slice(start, end));
    start = end;
  }
  return runs;
}

/**
 * Why each of `count` entries failed, `undefined` for those that did not. Their ids
 * are their places. An entry that is not in the answer counts as failed.
 */
export function failuresIn<S extends { readonly Id?: string | undefined }>(
  answer: BatchAnswer<S>,
  count: number,
): readonly (EntryError | undefined)[] {
  const failures: (EntryError | undefined)[] = Array.from({ length: count });
  const { Successful = [], Failed = [] } = answer;
  if (Successful.length === count) return failures;
  failures.fill(new EntryError("Unanswered", "AWS said nothing of this entry of a batch.", false));
  for (const { Id } of Successful) failures[Number(Id)] = undefined;
  for (const { Id, Code, Message, SenderFault } of Failed) {
    failures[Number(Id)] = new EntryError(Code ?? "Unknown", Message, SenderFault ?? false);
  }
  return failures;
}
