/** One call of a handler. */
export interface Run {
  /** Its result still counts: its process lives, and its signal has not fired. */
  isLive(): boolean;
  /** The application has settled it, and the handler goes on. */
  readonly hasSettled: () => boolean;
  /** The subscription that it is a call of. */
  readonly owner: object;
}

/** What became of one message at one receiver so far. */
export class Reception {
  /** Handler calls since it was published or redriven. */
  starts = 0;
  /** Handler calls in all. */
  calls = 0;
  /** Calls that were put off, and count as no attempt. */
  postponed = 0;
  readonly running = new Set<Run>();
  /** Calls whose handler was told to end, or whose process died: whether they are counted is the broker's to know. */
  cutOff = 0;
  /** Handled, and the handler's word still counted. */
  handled = 0;
  deadLettered = 0;
  redriven = 0;
  /** The last failure may have been one for good. */
  mayBeFinal = false;
  /** Not to be tried again before this time. */
  notBefore = 0;
  /** The application was told that the broker has its ack. */
  settledForGood = false;
  /** How many acks there may be. */
  mayBeAcked = 0;

  get isOver(): boolean {
    return this.handled > 0 || this.deadLettered > this.redriven;
  }

  /** A message that is brought back has its place behind those that came after it. */
  get letsFollowersGo(): boolean {
    return this.handled > 0 || this.deadLettered > 0;
  }

  beginsAnew(): void {
    this.starts = 0;
    this.postponed = 0;
    this.cutOff = 0;
    this.handled = 0;
    this.mayBeFinal = false;
    this.notBefore = 0;
    this.settledForGood = false;
  }
}
