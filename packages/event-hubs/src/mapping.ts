import type { NamingRule } from "@waybill/core/spi";

/** Portable names are taken as they are. Where the broker takes fewer, map them, never two to one. */
export const naming: NamingRule = {
  rule: "EventHubs takes every portable name.",
  toPhysical: (name) => name,
};
