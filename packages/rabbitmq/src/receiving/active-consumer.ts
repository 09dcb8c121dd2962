import type { Replacement } from "./channel-consumers.ts";

/**
 * From RabbitMQ 4.0 on the single active consumer of a quorum queue is given nothing more once
 * one of a higher priority is there, which is active when the other has settled all or is cancelled.
 */
export function hasActivePriorities(version: string | undefined): boolean {
  return Number((version ?? "").split(".")[0]) >= 4;
}

/** On one channel, so what the one was given and what the other is given comes in order, and goes back in order. */
export const behindByPriority: Replacement = {
  begins: "before",
  takesAllThatCameBack: true,
  consume: (before) => ({ priority: before }),
};
