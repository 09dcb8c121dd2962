import { CONDITION, ServiceError } from "../namespace/service-error.ts";

/** What a link can be attached to. */
export type Address =
  | { readonly kind: "cbs" }
  | { readonly kind: "management" }
  | { readonly kind: "publish"; readonly hub: string; readonly partition: string | undefined }
  | { readonly kind: "receive"; readonly hub: string; readonly group: string; readonly partition: string };

const PUBLISH = /^([^/]+)(?:\/Partitions\/([^/]+))?$/i;
const RECEIVE = /^([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i;

/** Reads the address of a link; clients may give it with scheme and host before it. */
export function parseAddress(text: string, role: "publish" | "receive"): Address {
  const path = pathIn(text);
  if (/^\$cbs$/i.test(path)) return { kind: "cbs" };
  if (/^(?:[^/]+\/)?\$management$/i.test(path)) return { kind: "management" };
  if (role === "publish") {
    const [, hub, partition] = PUBLISH.exec(path) ?? [];
    if (hub !== undefined) return { kind: "publish", hub, partition };
  } else {
    const [, hub, group, partition] = RECEIVE.exec(path) ?? [];
    if (hub !== undefined && group !== undefined && partition !== undefined) {
      return { kind: "receive", hub, group, partition };
    }
  }
  throw new ServiceError(CONDITION.notFound, `The messaging entity '${path}' could not be found.`);
}

function pathIn(text: string): string {
  return text.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(/^\/+|\/+$/g, "");
}
