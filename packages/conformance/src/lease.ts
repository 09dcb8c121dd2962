import type { Capabilities, Driver } from "@waybill/core/spi";
import type { Context } from "./context.ts";

/** The lease to outlive: the short one where the target has one. */
export function shortestLease(context: Context): { readonly ms: number; readonly driver: () => Driver } {
  const { shortLease } = context.target;
  if (shortLease !== undefined) {
    return { ms: shortLease.ms, driver: () => context.recorded(shortLease.driver()) };
  }
  const { lease } = context.capabilities;
  if (lease === undefined) throw new Error("This case should have said that it needs a lease.");
  return { ms: lease.ms, driver: () => context.driver() };
}

/** For `applies`. */
export const hasLease = ({ lease }: Capabilities) =>
  lease !== undefined || "a delivery stays with its consumer for as long as that lives";
