import { monotonicNow, systemClock } from "../runtime/clock.ts";
import type { DelayedHandBack } from "./driver.ts";

/** What it begins with: nobody else's text beside an offset does, nor will that of a later format. */
const prefix = "waybill-1 ";
/** The longest text that is read, in characters. */
const longestText = 8_192;
/** What a forged count may not exceed. */
const mostRedeliveries = 1_000_000;

interface Note {
  readonly redeliveries: number;
  /** By the steady clock of this process. */
  readonly dueAt: number;
}

/**
 * What becomes of messages of a partition that were handed back while they waited for their next
 * attempt, for whoever reads the partition next. A log counts nothing and delays nothing, but
 * has room for a short text beside each committed offset, and there this goes.
 *
 * Every message is named by its offset (or sequence number), and the text by the offset that it was
 * committed with: beside another offset (set by hand, or carried over to another cluster) it
 * says nothing. No two computers' clocks need agree, since none is asked: a wait goes on where it
 * stood when it was written, and the time until it is read does not count.
 */
export class HandBackNotes {
  readonly #notes = new Map<number, Note>();

  /** Reads what was written beside `committed`. `undefined`: it is damaged. What others wrote there is no note. */
  static read(text: string | null | undefined, committed: number): HandBackNotes | undefined {
    const notes = new HandBackNotes();
    if (!text?.startsWith(prefix)) return notes;
    const parts = text.length > longestText ? [] : text.slice(prefix.length).split(" ");
    const [at, list] = parts;
    const base = numberIn(at);
    if (base === undefined || list === undefined || parts.length > 2) return undefined;
    if (base !== committed) return notes;
    const now = monotonicNow(systemClock);
    for (const entry of list.split(",")) {
      const [ahead, redeliveries, delayMs, ...more] = entry.split(":").map(numberIn);
      if (ahead === undefined || redeliveries === undefined || delayMs === undefined || more.length > 0)
        return undefined;
      if (redeliveries > mostRedeliveries) return undefined;
      notes.#notes.set(committed + ahead, { redeliveries, dueAt: now + delayMs });
    }
    return notes;
  }

  get isEmpty(): boolean {
    return this.#notes.size === 0;
  }

  add(position: number, { redeliveries, delayMs }: DelayedHandBack): void {
    this.#notes.set(position, { redeliveries, dueAt: monotonicNow(systemClock) + delayMs });
  }

  /** Of the message at this offset; 0 where nothing is noted. */
  redeliveriesOf(position: number): number {
    return this.#notes.get(position)?.redeliveries ?? 0;
  }

  /** How long the message at this offset has still to wait, in milliseconds. */
  waitOf(position: number): number {
    const note = this.#notes.get(position);
    return note === undefined ? 0 : Math.max(0, note.dueAt - monotonicNow(systemClock));
  }

  /** Drops the notes of what lies before this offset: it is settled. */
  forgetBefore(position: number): void {
    for (const noted of this.#notes.keys()) if (noted < position) this.#notes.delete(noted);
  }

  /** Drops all of them. */
  clear(): void {
    this.#notes.clear();
  }

  /**
   * What to write beside this offset, empty where there is nothing to say: ASCII without quotes, of
   * at most so many characters. `leftOut`: how many notes found no place in it, the furthest.
   */
  write(committed: number, maxLength: number): { readonly text: string; readonly leftOut: number } {
    const now = monotonicNow(systemClock);
    let text = `${prefix}${textOf(committed)} `;
    let written = 0;
    let leftOut = 0;
    for (const [position, { redeliveries, dueAt }] of [...this.#notes].sort(([a], [b]) => a - b)) {
      if (position < committed) continue;
      const delayMs = Math.ceil(Math.max(0, dueAt - now));
      const entry = [position - committed, redeliveries, delayMs].map(textOf).join(":");
      if (text.length + entry.length >= maxLength) {
        leftOut++;
        continue;
      }
      text += `${written++ === 0 ? "" : ","}${entry}`;
    }
    return { text: written === 0 ? "" : text, leftOut };
  }
}

function textOf(number: number): string {
  return number.toString(36);
}

/** A whole number, not negative, in base 36. */
function numberIn(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9a-z]{1,11}$/.test(text)) return undefined;
  const number = Number.parseInt(text, 36);
  return Number.isSafeInteger(number) ? number : undefined;
}
