import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import type { IncomingLink, OutgoingLink } from "./rhea-internals.ts";
import { RUNTIME_METRICS } from "./runtime-metrics.ts";

const SELECTOR = "apache.org:selector-filter:string";
const EPOCH = "com.microsoft:epoch";
const RECEIVER_NAME = "com.microsoft:receiver-name";

/** The address that a client attaches to: a target when it publishes, a source when it receives. */
export function addressOf(link: IncomingLink | OutgoingLink): string {
  const terminus = (link.is_receiver() ? link.target : link.source) as
    | { address?: unknown }
    | null
    | undefined;
  return typeof terminus?.address === "string" ? terminus.address : "";
}

/** The filter that says where a receiver begins. */
export function selectorOf(link: OutgoingLink): string | undefined {
  const filters = (link.source as { filter?: Record<string, unknown> | null } | undefined)?.filter;
  const filter = filters?.[SELECTOR] as { value?: unknown } | string | null | undefined;
  const text = typeof filter === "object" && filter !== null ? filter.value : filter;
  return text === undefined || text === null ? undefined : String(text);
}

/** The owner level of a receiver that wants the partition for itself. */
export function epochOf(link: OutgoingLink): number | undefined {
  const epoch = propertyOf(link, EPOCH);
  if (epoch === undefined) return undefined;
  const value = Buffer.isBuffer(epoch) ? Number(epoch.readBigInt64BE()) : Number(epoch);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new ServiceError(CONDITION.argument, "The epoch of a receiver must be a number, not below 0.");
}

/** The name that a receiver goes by in messages about it. */
export function receiverNameOf(link: OutgoingLink): string {
  return String(propertyOf(link, RECEIVER_NAME) ?? "nil");
}

export function wantsRuntimeMetrics(link: OutgoingLink): boolean {
  return [link.desired_capabilities].flat().map(String).includes(RUNTIME_METRICS);
}

function propertyOf(link: OutgoingLink, name: string): unknown {
  return (link.properties as Record<string, unknown> | null | undefined)?.[name] ?? undefined;
}
