import type { ConsumerGroup, Hub, HubDescription } from "../namespace/hub.ts";
import type { SegmentFiles } from "./segment-files.ts";

/** Where hubs are kept across restarts. */
export interface DataFolder {
  load(): Iterable<{ description: HubDescription; groups: ConsumerGroup[] }>;
  save(hub: Hub): void;
  remove(hub: Hub): void;
  segments(hub: string, partition: string): SegmentFiles;
}
