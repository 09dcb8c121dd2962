/** What every example prints, on every broker. */
export const expected: Readonly<Record<string, readonly string[]>> = {
  "01-start-here.ts": ["billing charges 42 for o-1"],
  "02-swap-brokers.ts": [
    "embedded broker:   ledger/o-1=20 ledger/o-2=22 receipts/o-1=20 receipts/o-2=22",
    "configured broker: ledger/o-1=20 ledger/o-2=22 receipts/o-1=20 receipts/o-2=22",
    "the same on both",
  ],
  "03-queue-workers.ts": ["30 thumbnails made, 0 of them more than once", "never more than 8 at once"],
  "04-request-reply.ts": ["1 kg to Oslo: 7", "10 kg to Lima: 25", "the moon: REMOTE_ERROR"],
  "05-retries-and-dead-letters.ts": [
    "i-fine on attempt 1, i-flaky on attempt 3",
    "dead-lettered from invoices after 1 attempt: no address on file",
    "1 redriven; i-broken on attempt 1",
  ],
  "06-ordered-keys.ts": ["p-1: 1 2 3 4 5", "p-2: 1 2 3 4 5", "p-3: 1 2 3 4 5"],
  "07-replay.ts": ["replayed 100 -30 12", "balance 82", "the live group handled 3"],
  "08-chat-room.ts": [
    "Ada's screen: Ada: anybody here? | Bob: just came in | Ada: and he is gone",
    "Bob's screen: Bob: just came in",
  ],
  "09-device-readings.ts": ["boiler: 20 75 21", "kiln: 60 61 95", "alarms: boiler at 75, kiln at 95"],
};

/**
 * What ends with an error instead, by broker, and what the error says. It comes at start-up where a broker lacks
 * what the example requires.
 */
export const refused: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  "sns-sqs": { "07-replay.ts": /code: 'UNSUPPORTED'.*feature: '"replay"'/s },
};

/** As `refused`, where only an emulator lacks it, and another emulator may have it. */
export const refusedByEmulator: typeof refused = {
  "google-pubsub": { "07-replay.ts": /UNIMPLEMENTED.*This emulator does not have/s },
};

/** The last line of the demo. */
export const demoSummary = {
  orders: 12,
  billed: 12,
  shipped: 12,
  emails: 12,
  quotes: 3,
  retried: 3,
  deadLettered: 3,
  redriven: 3,
};
