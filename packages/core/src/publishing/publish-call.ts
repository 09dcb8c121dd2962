import { type ContextOwner, contextOwner } from "../runtime/async-context.ts";
import type { StepsUnderWay } from "./steps-under-way.ts";

/** One publish, as its middleware knows it, however many awaits ago. Small, since what that leaves behind keeps it. */
export class PublishCall implements ContextOwner {
  /** Those of its client. */
  readonly underWay: StepsUnderWay;
  isOver = false;
  outer = contextOwner();

  constructor(underWay: StepsUnderWay) {
    this.underWay = underWay;
  }
}

/** The running code is part of a publish middleware, whose publish is one of these. */
export function isPartOf(underWay: StepsUnderWay): boolean {
  for (let owner = contextOwner(); owner !== undefined; owner = owner.outer)
    if (owner instanceof PublishCall && !owner.isOver && owner.underWay === underWay) return true;
  return false;
}
