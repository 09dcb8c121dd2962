import type { Client, Feature } from "@waybill/core";

/** A client that may use every feature: a case says which in `needs`, and is not run without them. */
export type AnyClient = Client<Feature>;
