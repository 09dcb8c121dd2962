import { checkOptionNames } from "./check-option-names.ts";
import { readable } from "./readable.ts";

/**
 * The options as they are now, each read once: whatever the object does when it is read again, or
 * becomes of it later, changes nothing.
 * @throws MessagingError `UNKNOWN_OPTION`; `INVALID_ARGUMENT` when it is no object, or cannot be read
 */
export function copyOptions<T extends object>(
  owner: string,
  options: T,
  known: readonly (keyof T & string)[],
): T {
  checkOptionNames(owner, options, known);
  return readable(`The arguments of ${owner}`, () => {
    const copy: Partial<T> = {};
    for (const name of known) {
      const value = options[name];
      if (value !== undefined) copy[name] = value;
    }
    return copy as T;
  });
}
