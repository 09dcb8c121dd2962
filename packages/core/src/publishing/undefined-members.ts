import type { AnyPayload } from "../api/contract.ts";
import { decodeBody } from "./decode.ts";
import { validate } from "./validate.ts";

/** So many places are remembered of a schema. */
const mostPlaces = 100;

/** The places at which a schema has been seen to take an absent member for an undefined one. */
const known = new WeakMap<object, Set<string>>();

/**
 * Whether a schema that took a value with members that are undefined refuses it without them, which is
 * how it comes out of JSON. What a schema answers with a promise is not known in time, and no refusal.
 */
export function refusesAbsence(
  payload: AnyPayload,
  value: unknown,
  body: Uint8Array,
  destination: string,
): boolean {
  const { schema } = payload;
  if (schema === undefined) return false;
  let places = known.get(schema);
  if (places === undefined) {
    places = new Set();
    known.set(schema, places);
  }
  const place = undefinedPlaces(value, "").join();
  if (places.has(place)) return false;
  try {
    const result = validate(payload, decodeBody(payload, body), destination);
    if (result instanceof Promise) result.catch(() => {});
  } catch {
    return true;
  }
  if (places.size < mostPlaces) places.add(place);
  return false;
}

/** Where members are undefined; the items of an array count as one. */
function undefinedPlaces(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => undefinedPlaces(item, `${path}*.`)))];
  return Object.entries(value).flatMap(([name, member]) =>
    member === undefined ? [`${path}${name}`] : undefinedPlaces(member, `${path}${name}.`),
  );
}
