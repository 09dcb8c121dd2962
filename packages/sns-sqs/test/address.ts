import type { Address } from "@waybill/core/spi";
import { naming } from "../src/naming.ts";

export { call } from "../../../scripts/testing/workbench.ts";

/** An address as core makes it. */
export function address(kind: Address["kind"], name: string, fields: Partial<Address> = {}): Address {
  const group = kind === "group" ? (fields.group ?? "billing") : undefined;
  return {
    kind,
    name,
    group,
    brokerName: naming.toBrokerName(name, kind) ?? name,
    brokerGroup: group === undefined ? undefined : naming.toBrokerName(group, "group"),
    ordered: false,
    retained: false,
    ...fields,
  };
}
