import { MessagingError } from "./messaging-error.ts";
import { readable } from "./readable.ts";
import { shownText } from "./shown.ts";

/**
 * Refuses options that do not exist.
 * @throws MessagingError `UNKNOWN_OPTION`; `INVALID_ARGUMENT` when it is no object
 */
export function checkOptionNames(owner: string, options: unknown, known: readonly string[]): void {
  // A Map or an array has entries that nothing would read.
  const isObject = () => typeof options === "object" && options !== null && !(Symbol.iterator in options);
  if (!readable(`The arguments of ${owner}`, isObject)) {
    throw new MessagingError("INVALID_ARGUMENT", `The options of ${owner} are not an object.`, {
      remedy: `Pass an object with any of: ${[...known].sort().join(", ")}.`,
    });
  }
  readable(`The arguments of ${owner}`, () => {
    for (const name in options as object) if (!known.includes(name)) throw unknownOption(owner, name, known);
  });
}

/** The error for an option that does not exist. */
export function unknownOption(owner: string, name: string, known: readonly string[]): MessagingError {
  return new MessagingError("UNKNOWN_OPTION", `${owner} has no option "${shownText(name)}".`, {
    remedy:
      known.length === 0 ? "Leave it out: it takes none." : `Use one of: ${[...known].sort().join(", ")}.`,
    details: { owner, option: name, known },
  });
}
