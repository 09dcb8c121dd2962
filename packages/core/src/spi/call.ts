/** What accompanies every call from core. */
export interface Call {
  /** Fires when core gives up on the call. The driver then ends it soon, with an error or with what it has. */
  readonly signal: AbortSignal;
}
