import { type ContextOwner, contextOwner, enterContextOf } from "../runtime/async-context.ts";

/** A subscription that may be waited for until it has closed. */
export interface ClosingSubscription {
  readonly source: string;
  /** Its handler is the body of an application's loop. */
  readonly isPulled: boolean;
  /** The handler calls that it waits for. */
  readonly calls: Iterable<HandlerCall>;
}

/**
 * One handler call, as all code knows it that it calls, however many awaits ago. Small, since what
 * a handler leaves behind keeps it.
 */
export class HandlerCall implements ContextOwner {
  readonly subscription: ClosingSubscription;
  /** What is only in its middleware has used no attempt yet. */
  handlerCalled = false;
  /** It has ended: what it left behind is code like any other. */
  isOver = false;
  /** A loop that asked for it held others then: it is not known which of them the running code works on. */
  isOneOfSeveral = false;
  outer: ContextOwner | undefined;
  /** Those whose end it waits for. */
  waitsFor: Set<ClosingSubscription> | undefined;

  constructor(subscription: ClosingSubscription) {
    this.subscription = subscription;
  }
}

/** The handler call, still under way, that the running code is part of. */
export function currentHandlerCall(): HandlerCall | undefined {
  for (let owner = contextOwner(); owner !== undefined; owner = owner.outer)
    if (owner instanceof HandlerCall && !owner.isOver) return owner;
  return undefined;
}

/** The running code is the body of a loop, which has just been given the delivery of this call. */
export function enterLoopBody(call: HandlerCall): void {
  let outer = contextOwner();
  // Not the body's turn before, whose delivery another may be working on.
  while (outer instanceof HandlerCall && outer.subscription.isPulled) outer = outer.outer;
  call.outer = outer;
  enterContextOf(call);
}

/** How many calls of a subscription cannot end before this one has: itself, and those that wait for whatever waits for it. */
export function callsBehind(call: HandlerCall, { calls }: ClosingSubscription): number {
  let count = 0;
  for (const each of calls) if (isBehind(each, call, new Set())) count++;
  return count;
}

function isBehind(each: HandlerCall, call: HandlerCall, seen: Set<HandlerCall>): boolean {
  if (each === call) return true;
  if (seen.has(each)) return false;
  seen.add(each);
  for (const { calls } of each.waitsFor ?? [])
    for (const next of calls) if (isBehind(next, call, seen)) return true;
  return false;
}
