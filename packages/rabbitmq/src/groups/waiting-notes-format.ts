/** What is to be known of one message that comes back. */
export interface Note {
  /** Names the message beyond doubt. */
  readonly identity: string;
  readonly redeliveries: number;
  /** The broker's own count when this was written; coming back adds one. */
  readonly counted: number;
  /** When its next attempt is due, by `performance.now`. */
  readonly dueAt: number;
  /** Milliseconds since the epoch. */
  readonly writtenAt: number;
}

const version = 1;
/** The most notes in one message. */
const most = 2_000;
/** The longest message that is read, in bytes. */
const longest = 512 * 1024;
/** What a forged count may not exceed. */
const mostRedeliveries = 1_000_000;
/** What is older is forgotten, in milliseconds: its message is settled, or nobody has consumed for that long. */
const longestLifeMs = 30 * 86_400_000;

/**
 * One message or several. Every number is written as it is, and a wait as what is left of it, which
 * goes on where it stood when this is read: no two computers' clocks need agree on how long that took.
 */
export function writeNotes(notes: readonly Note[]): readonly Buffer[] {
  const at = Date.now();
  const fresh = notes.filter(({ writtenAt }) => at - writtenAt < longestLifeMs);
  const messages: Buffer[] = [];
  for (let from = 0; from < fresh.length; from += most)
    messages.push(writeSome(fresh.slice(from, from + most)));
  return messages;
}

function writeSome(notes: readonly Note[]): Buffer {
  const now = performance.now();
  const rows = notes.map(({ identity, redeliveries, counted, dueAt, writtenAt }) => [
    identity,
    redeliveries,
    counted,
    Math.ceil(Math.max(0, dueAt - now)),
    writtenAt,
  ]);
  return Buffer.from(JSON.stringify({ version, notes: rows }));
}

/** `undefined`: it is damaged, or of another make. */
export function readNotes(content: Buffer): readonly Note[] | undefined {
  if (content.length > longest) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(content.toString());
  } catch {
    return undefined;
  }
  const { version: written, notes } = (value ?? {}) as Record<string, unknown>;
  if (written !== version || !Array.isArray(notes) || notes.length > most) return undefined;
  const now = performance.now();
  const read: Note[] = [];
  for (const row of notes as unknown[]) {
    if (!Array.isArray(row) || row.length !== 5) return undefined;
    const [identity, redeliveries, counted, waitMs, writtenAt] = row as unknown[];
    if (typeof identity !== "string" || identity.length > 64) return undefined;
    if (!isCount(redeliveries) || redeliveries > mostRedeliveries || !isCount(counted)) return undefined;
    if (!isCount(waitMs) || !isCount(writtenAt)) return undefined;
    read.push({ identity, redeliveries, counted, dueAt: now + waitMs, writtenAt });
  }
  return read;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
