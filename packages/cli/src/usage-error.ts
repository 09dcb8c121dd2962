/** The command line makes no sense. The message says what is wrong with it, and what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
