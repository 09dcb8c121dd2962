import { unknownOption } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { shown } from "../errors/shown.ts";

/** One documented option of an adapter: how it reads as text (URL, environment) and as a value (object). */
export interface Option<T> {
  /** What it is for: meaning, unit. One sentence; it becomes the documentation. */
  readonly describe: string;
  /** What values it takes, for error messages and documentation. */
  readonly takes: string;
  readonly fallback: T;
  /** The environment variable that gives it when neither the object nor the URL does. */
  readonly env?: string;
  /** Never shown in an error, log or `inspect` output; better not put in a URL. */
  readonly secret?: boolean;
  /** `undefined` from `parse` or `accept`: not a legal value. Absent `parse`: only in the object form. */
  readonly parse?: (text: string) => T | undefined;
  readonly accept: (value: unknown) => T | undefined;
}

/** An adapter's options by name: what each takes, its default, and where else it is read from. */
// biome-ignore lint/suspicious/noExplicitAny: a table holds options of many types; OptionValues recovers them
export type OptionTable = Readonly<Record<string, Option<any>>>;

/** What an option table resolves to. */
export type OptionValues<T extends OptionTable> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never;
};

/** What a factory takes for an option table: every option may be left out. */
export type OptionInput<T extends OptionTable> = {
  readonly [K in keyof T]?: T[K] extends Option<infer V> ? Exclude<V, undefined> : never;
};

interface Common {
  readonly env?: string;
  readonly secret?: boolean;
}

/** The kinds of option. Each takes its description and fallback; `fallback: undefined` makes it optional. */
export const option = {
  string<T extends string | undefined>(
    describe: string,
    fallback: T,
    common: Common = {},
  ): Option<string | T> {
    const accept = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
    return { describe, takes: "a non-empty string", fallback, ...common, parse: accept, accept };
  },

  /** A whole number between `min` and `max`, both included. Name the unit in the option's own name (`timeoutMs`). */
  integer<T extends number | undefined>(
    describe: string,
    fallback: T,
    range: { readonly min: number; readonly max: number },
    common: Common = {},
  ): Option<number | T> {
    const accept = (value: unknown) =>
      typeof value === "number" && Number.isSafeInteger(value) && value >= range.min && value <= range.max
        ? value
        : undefined;
    return {
      describe,
      takes: `a whole number from ${range.min} to ${range.max}`,
      fallback,
      ...common,
      parse: (text) => (/^-?\d+$/.test(text) ? accept(Number(text)) : undefined),
      accept,
    };
  },

  boolean<T extends boolean | undefined>(
    describe: string,
    fallback: T,
    common: Common = {},
  ): Option<boolean | T> {
    return {
      describe,
      takes: "true or false",
      fallback,
      ...common,
      parse: (text) => (text === "true" ? true : text === "false" ? false : undefined),
      accept: (value) => (typeof value === "boolean" ? value : undefined),
    };
  },

  oneOf<const V extends readonly string[], T extends V[number] | undefined>(
    describe: string,
    values: V,
    fallback: T,
    common: Common = {},
  ): Option<V[number] | T> {
    const accept = (value: unknown): V[number] | undefined =>
      values.includes(value as string) ? (value as V[number]) : undefined;
    return { describe, takes: `one of ${values.join(", ")}`, fallback, ...common, parse: accept, accept };
  },

  /** Text items, comma-separated in a URL. */
  list<T extends readonly string[] | undefined>(
    describe: string,
    fallback: T,
    common: Common = {},
  ): Option<readonly string[] | T> {
    const accept = (value: unknown) => {
      const items: unknown[] = Array.isArray(value) ? Array.from(value) : [];
      const areTexts = items.length > 0 && items.every((item) => typeof item === "string" && item !== "");
      return areTexts ? (items as readonly string[]) : undefined;
    };
    return {
      describe,
      takes: "a list of non-empty strings",
      fallback,
      ...common,
      parse: (text) => accept(text.split(",").map((item) => item.trim())),
      accept,
    };
  },

  /** A value that only code can give: a function, the vendor client's own options. */
  object<V>(
    describe: string,
    takes: string,
    accept: (value: unknown) => V | undefined,
  ): Option<V | undefined> {
    return { describe, takes, fallback: undefined, accept };
  },
};

/** Where the values of an option table may come from, strongest first: `object`, `query`, `env`. */
export interface OptionSources {
  readonly object?: Readonly<Record<string, unknown>> | undefined;
  readonly query?: URLSearchParams | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

/**
 * Reads and checks options; nothing unknown passes.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`, never with a secret in it.
 */
export function readOptions<T extends OptionTable>(
  adapter: string,
  table: T,
  sources: OptionSources,
): OptionValues<T> {
  const { query, env } = sources;
  const object = sources.object === undefined ? undefined : copied(adapter, sources.object);
  for (const name of Object.keys(object ?? {})) {
    if (!Object.hasOwn(table, name)) throw unknownOption(adapter, name, Object.keys(table));
  }
  for (const [name, text] of query ?? []) {
    if (Object.hasOwn(table, name)) continue;
    throw unknownOption(adapter, isName(name) && !text.includes("@") ? name : "…", Object.keys(table));
  }
  const values: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(table))
    values[name] = readable(`Option "${name}" of ${adapter}`, () =>
      readOne(adapter, name, definition, { object, query, env }),
    );
  return values as OptionValues<T>;
}

/** Each option read once: an application's object may answer differently when it is asked again. */
function copied(adapter: string, object: unknown): Readonly<Record<string, unknown>> {
  return readable(`The arguments of ${adapter}`, () => {
    if (typeof object === "object" && object !== null && !Array.isArray(object)) return { ...object };
    throw new MessagingError("INVALID_ARGUMENT", `The options of ${adapter} are not an object.`, {
      remedy: "Pass an object, or leave them out.",
      details: { adapter },
    });
  });
}

function readOne(
  adapter: string,
  name: string,
  definition: Option<unknown>,
  sources: OptionSources,
): unknown {
  const given = sources.object?.[name];
  if (given !== undefined) return checked(adapter, name, definition, given, definition.accept(given));

  const inQuery = sources.query?.getAll(name) ?? [];
  if (inQuery.length > 1) throw invalid(adapter, name, definition, "it is given more than once");
  const text = inQuery[0];
  if (text !== undefined) {
    if (definition.parse === undefined) throw invalid(adapter, name, definition, "a URL cannot carry it");
    return checked(adapter, name, definition, text, definition.parse(text));
  }

  const fromEnv = definition.env === undefined ? undefined : sources.env?.[definition.env];
  if (fromEnv !== undefined && fromEnv !== "" && definition.parse !== undefined) {
    return checked(adapter, definition.env ?? name, definition, fromEnv, definition.parse(fromEnv));
  }
  return definition.fallback;
}

function checked(
  adapter: string,
  name: string,
  definition: Option<unknown>,
  given: unknown,
  value: unknown,
): unknown {
  if (value !== undefined) return value;
  const saying = definition.secret || !isHarmless(given) ? "the value given" : shown(given);
  throw invalid(adapter, name, definition, `${saying} is not`);
}

/**
 * Whether an error may show a value. A URL with a sign too few, or a `?` in its password, has credentials
 * where an option is expected, so of texts only numbers are shown.
 */
function isHarmless(value: unknown): boolean {
  return typeof value === "string" ? /^[+-]?[\d.]{0,16}$/.test(value) : typeof value !== "object";
}

/** Whether what stands before a `=` of a URL is the name of an option, and no part of a password with an `@` after it. */
function isName(text: string): boolean {
  return /^[a-z]\w{0,39}$/i.test(text);
}

function invalid(adapter: string, name: string, definition: Option<unknown>, why: string): MessagingError {
  return new MessagingError(
    "INVALID_ARGUMENT",
    `Option "${name}" of ${adapter} takes ${definition.takes}; ${why}.`,
    {
      remedy: `Set it to ${definition.takes}, or leave it out.`,
      details: { adapter, option: name },
    },
  );
}

/**
 * The text of a URL that a program without types may have given.
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function urlText(adapter: string, url: unknown): string {
  if (typeof url === "string") return url;
  throw new MessagingError("INVALID_ARGUMENT", `The URL of ${adapter} is no text.`, {
    remedy: "Pass a string.",
    details: { adapter },
  });
}

/**
 * A part of a URL without its percent-encoding.
 * @throws MessagingError `INVALID_ARGUMENT`, without the text, which may be a secret
 */
export function percentDecoded(adapter: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `The URL of ${adapter} is not percent-encoded as URLs are.`,
      {
        remedy: "Percent-encode what is special in its user name and password.",
        details: { adapter },
      },
    );
  }
}

/**
 * Refuses a URL whose query repeats what its other parts say already.
 * @param parts Options by name, as the URL's host, path and user information give them.
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function checkGivenOnce(
  adapter: string,
  parts: Readonly<Record<string, unknown>>,
  query: URLSearchParams,
): void {
  for (const [name, value] of Object.entries(parts)) {
    if (value === undefined || !query.has(name)) continue;
    throw new MessagingError("INVALID_ARGUMENT", `The URL gives "${name}" twice.`, {
      remedy: "Leave it out of the query.",
      details: { adapter, option: name },
    });
  }
}
