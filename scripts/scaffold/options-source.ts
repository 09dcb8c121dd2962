import { environmentName } from "./environment-name.ts";

/** `options.ts` of a new adapter: credentials come from the URL, or from the environment. */
export const optionsSource = (name: string, X: string) => `import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionValues,
  option,
  readOptions,
} from "@waybill/core/spi";

/** Every option, for the object form, the URL's query and the environment at once. */
export const optionTable = {
  host: option.string("The broker's host name or address.", "127.0.0.1"),
  port: option.integer("The broker's port.", 4222, { min: 1, max: 65_535 }),
  username: option.string("The user.", undefined, { env: "${environmentName(name)}_USERNAME" }),
  password: option.string("The user's password.", undefined, {
    env: "${environmentName(name)}_PASSWORD",
    secret: true,
  }),
  maxMessageBytes: option.integer("The largest message that the broker takes, in bytes.", 1_000_000, {
    min: 1,
    max: 1_000_000_000,
  }),
};

/** Options of the ${name} adapter; see the README for what each means. */
export type ${X}Options = OptionInput<typeof optionTable>;
export type Settings = OptionValues<typeof optionTable>;

/** @throws MessagingError \`UNKNOWN_OPTION\` or \`INVALID_ARGUMENT\` */
export function readSettings(options: ${X}Options): Settings {
  return readOptions("${name}", optionTable, { object: options });
}

/**
 * \`${name}://user:password@host:port?option=value\`. Credentials may come from \`env\` instead.
 * @throws MessagingError \`UNKNOWN_OPTION\` or \`INVALID_ARGUMENT\`, without the credentials in it
 */
export function settingsFromUrl(text: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const url = URL.parse(text);
  if (url === null) {
    // The text may hold a password, so it is not repeated here.
    throw new MessagingError("INVALID_ARGUMENT", "This is not a URL that the ${name} adapter can read.", {
      remedy: "Write it like ${name}://user:password@host:4222?option=value.",
    });
  }
  const object: Record<string, unknown> = {};
  if (url.hostname !== "") object.host = url.hostname;
  if (url.port !== "") object.port = Number(url.port);
  if (url.username !== "") object.username = decodeURIComponent(url.username);
  if (url.password !== "") object.password = decodeURIComponent(url.password);
  checkGivenOnce("${name}", object, url.searchParams);
  return readOptions("${name}", optionTable, { object, query: url.searchParams, env });
}
`;
