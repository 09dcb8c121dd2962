/** The longest text of a value that an error shows. */
const longest = 100;

/** A value that was refused, as an error shows it: short, and never more of an object than that it is one. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, longest));
  if (typeof value === "object" && value !== null) return isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value).slice(0, longest);
}

function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    // A proxy that has been revoked.
    return false;
  }
}
