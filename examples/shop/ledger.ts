/**
 * What has happened so far. Sets, since a message may come more than once: counting
 * ids instead of deliveries gives the same totals on every run and every broker.
 */
export class Ledger {
  readonly placed = new Set<string>();
  readonly billed = new Set<string>();
  readonly shipped = new Set<string>();
  readonly emailed = new Set<string>();
  readonly retried = new Set<string>();
  readonly deadLettered = new Set<string>();
  readonly redriven = new Set<string>();
  quotes = 0;

  counts() {
    return {
      orders: this.placed.size,
      billed: this.billed.size,
      shipped: this.shipped.size,
      emails: this.emailed.size,
      quotes: this.quotes,
      retried: this.retried.size,
      deadLettered: this.deadLettered.size,
      redriven: this.redriven.size,
    };
  }
}
