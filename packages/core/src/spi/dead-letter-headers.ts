/** The headers that every dead-lettered message has, on every broker, next to those of the message itself. */
export const deadLetterHeaders = {
  source: "waybill-dead-source",
  group: "waybill-dead-group",
  attempts: "waybill-dead-attempts",
  firstFailedAt: "waybill-dead-first-failed-at",
  lastFailedAt: "waybill-dead-last-failed-at",
  errorCode: "waybill-dead-error-code",
  errorMessage: "waybill-dead-error-message",
  /** The ordering key, so that a redrive can give it back. */
  key: "waybill-dead-key",
  /** Which parts a dead-letter queue would not take and were left out: `headers`, or `headers, body`. */
  omitted: "waybill-dead-omitted",
  /** Why they were. */
  omittedWhy: "waybill-dead-omitted-why",
  /** The redrive that passed this message over and put it back, so that it does not meet it again. */
  redriveRun: "waybill-redrive-run",
} as const;
