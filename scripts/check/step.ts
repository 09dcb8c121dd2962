/** One part of `npm run check`. */
export interface Step {
  readonly title: string;
  /** What is wrong, each problem as text to be shown; empty when all is well. */
  run(): Promise<readonly string[]>;
}
