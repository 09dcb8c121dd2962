import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers, ReceivedMessage } from "../spi/message.ts";
import { runsOf } from "./run-marks.ts";

/** The most bytes of ids and marks that are kept of one look. */
const maxBytes = 8 * 1024 * 1024;

/** Which messages had their copies in a dead-letter queue when somebody looked. */
export class DeadLetteredCopies {
  /** The marks of its copies, by the name of the message. */
  readonly #copies = new Map<string, string[]>();
  #bytes = 0;
  /** Whether all that was there was seen: only then does absence tell anything. */
  isComplete = false;
  /** Whether the broker has told how many there are. */
  isCounted = false;

  add({ id, headers }: ReceivedMessage): void {
    const source = headers[deadLetterHeaders.source];
    // What the broker itself brought there says nothing of where it failed.
    if (source === undefined) return;
    const name = copyName(source, headers[deadLetterHeaders.group], id);
    const marks = headers[deadLetterHeaders.redriveRun] ?? "";
    this.#bytes += 2 * (name.length + marks.length) + 200;
    if (this.#bytes > maxBytes) return;
    const known = this.#copies.get(name);
    if (known === undefined) this.#copies.set(name, [marks]);
    else known.push(marks);
  }

  /** Call when the look is over. */
  end(isComplete: boolean): this {
    this.isComplete = isComplete && this.#bytes <= maxBytes;
    return this;
  }

  hasAny(name: string): boolean {
    return this.#copies.has(name);
  }

  /** Whether one of them is of this message as it is: not of how it was before its last redrive. */
  has(name: string, headers: Headers): boolean {
    const lastRun = runsOf(headers).at(-1);
    const copies = this.#copies.get(name) ?? [];
    return copies.some((marks) => lastRun === undefined || marks.split(",").includes(lastRun));
  }
}

/** What tells a message's copies from those of all others in the same dead-letter queue. */
function copyName(source: string, group: string | undefined, id: string): string {
  // Names have no spaces in them, so that no two of these are the same.
  return `${source} ${group ?? ""} ${id}`;
}

/** The same, of a message of this subscription. */
export function copyNameOf({ name, group }: Address, { id }: Pick<ReceivedMessage, "id">): string {
  return copyName(name, group, id);
}
