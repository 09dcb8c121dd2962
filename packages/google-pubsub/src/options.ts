import { type OptionSources, type OptionValues, option, readOptions } from "@waybill/core/spi";

/** Every option, for the object form, the URL's query and the environment at once. */
export const options = {
  server: option.string("Where the broker listens.", "localhost"),
};

export type GooglePubsubSettings = OptionValues<typeof options>;

export const readSettings = (sources: OptionSources): GooglePubsubSettings =>
  readOptions("google-pubsub", options, sources);
