import type { NamingRule } from "@waybill/core/spi";

/** The embedded broker takes every name as it is. */
export const naming: NamingRule = { rule: "any name", toBrokerName: (name) => name };
