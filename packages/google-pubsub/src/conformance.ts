import type { ConformanceTarget } from "@waybill/conformance";
import { adapter } from "./index.ts";

/** What the conformance suite is pointed at. Each further part lets it prove more. */
export function target(url: string, extras: Partial<ConformanceTarget> = {}): ConformanceTarget {
  return { adapter: "google-pubsub", driver: () => adapter.fromUrl(url, {}), ...extras };
}
