import type { OutgoingMessage } from "../api/middleware.ts";
import { MessagingError } from "../errors/messaging-error.ts";

/** What a publish middleware is shown, of which it may change the headers. */
export class Outgoing {
  /** For the middleware. */
  readonly message: OutgoingMessage;
  /** Of all bytes in the value, which cannot be frozen: as they are, and as they were. */
  readonly #views: (readonly [shown: Uint8Array, was: Uint8Array])[] = [];

  /** `read` is called once, when a middleware looks; what is a copy that nobody else has is frozen. */
  constructor(
    { kind, name }: { readonly kind: "topic" | "queue"; readonly name: string },
    { id, headers }: Pick<OutgoingMessage, "id" | "headers">,
    read: () => unknown,
    isCopy: boolean,
  ) {
    let shown: { readonly value: unknown } | undefined;
    const look = () => {
      shown ??= { value: isCopy ? this.#frozen(read()) : read() };
      return shown.value;
    };
    const fixed = (member: string, get: () => unknown) => ({
      enumerable: true,
      get,
      set() {
        throw changed(`set \`${member}\` of a message`, name);
      },
    });
    const message = Object.defineProperties(
      { headers },
      {
        id: fixed("id", () => id),
        kind: fixed("kind", () => kind),
        destination: fixed("destination", () => name),
        value: fixed("value", look),
      },
    );
    this.message = Object.seal(message) as OutgoingMessage;
  }

  /**
   * Refuses a message whose value is not what it was.
   * @throws MessagingError `INVALID_ARGUMENT`
   */
  check(): void {
    for (const [shown, was] of this.#views) {
      if (shown.length !== was.length || shown.some((byte, index) => byte !== was[index]))
        throw changed("changed the bytes of a message", this.message.destination);
    }
  }

  #frozen<T>(value: T): T {
    if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
    if (ArrayBuffer.isView(value)) {
      const view = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      this.#views.push([view, view.slice()]);
      return value;
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    // An instance of a class is left alone: what it holds may be its codec's own.
    if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value;
    Object.freeze(value);
    for (const member of Object.values(value)) this.#frozen(member);
    return value;
  }
}

function changed(what: string, name: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `A publish middleware ${what} for "${name}".`, {
    remedy: "Change its headers only, and the value before you publish it.",
  });
}
