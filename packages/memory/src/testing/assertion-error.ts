/** What test runners show as a failed assertion, in any runtime. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
  /** By this Node, and runners that know its own class, tell one. */
  readonly code = "ERR_ASSERTION";

  constructor({ message }: { readonly message: string }) {
    super(message);
  }
}
