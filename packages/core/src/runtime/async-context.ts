/** The part of Node's `node:async_hooks` that is used here. Bun and Deno have it too. */
interface AsyncHooks {
  readonly AsyncLocalStorage: new <T>() => {
    enterWith(store: T): void;
    getStore(): T | undefined;
    run<R>(store: T, work: () => R): R;
  };
  readonly AsyncResource: new (name: string) => AsyncScope;
}

interface AsyncScope {
  runInAsyncScope<A extends readonly unknown[], R>(work: (...args: A) => R, self?: undefined, ...args: A): R;
}

/** Loaded at run time, so that a bundle for a browser holds no trace of it. */
function asyncHooks(): AsyncHooks | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  try {
    return process?.getBuiltinModule?.("node:async_hooks") as AsyncHooks | undefined;
  } catch {
    return undefined;
  }
}

/** What running code is part of, as an asynchronous context tells it. */
export interface ContextOwner {
  /** It has ended: what it left behind is code like any other. */
  readonly isOver: boolean;
  /** What it is part of itself. */
  outer: ContextOwner | undefined;
}

const hooks = asyncHooks();
const owners = hooks && new hooks.AsyncLocalStorage<ContextOwner>();
/** A scope that nothing entered before reaches, and from which nothing gets out. */
const newScope = hooks && scopes(hooks);

/**
 * Calls `work` with `subject` in an asynchronous context that belongs to `owner`: not in that of
 * whoever happened to cause the call, and what one call enters there does not reach the next.
 * `contextOwner` reads the owner back. Where the runtime has no such contexts, it only calls.
 */
export function inContextOf<T, R>(owner: ContextOwner, work: (subject: T) => R, subject: T): R {
  if (newScope === undefined) return work(subject);
  return newScope().runInAsyncScope<[ContextOwner, (subject: T) => R, T], R>(
    workFor,
    undefined,
    owner,
    work,
    subject,
  );
}

function workFor<T, R>(owner: ContextOwner, work: (subject: T) => R, subject: T): R {
  // Left with the scope. `run` would do the same for four times the price.
  owners?.enterWith(owner);
  return work(subject);
}

/** Calls something for `owner`, in the asynchronous context of whoever asks for it. */
export function inContextWith<R>(owner: ContextOwner, work: () => R): R {
  return owners === undefined ? work() : owners.run(owner, work);
}

/**
 * From here on the running code, and what it goes on to call, belongs to `owner`. Only for code that
 * nobody has called but the event loop: all who are still to return would belong to it as well.
 */
export function enterContextOf(owner: ContextOwner): void {
  owners?.enterWith(owner);
}

/** Who the running code was called for, however many awaits ago, and has not ended. */
export function contextOwner(): ContextOwner | undefined {
  return underWay(owners?.getStore());
}

/** The first that has not ended. What has is forgotten on the way, so that no chain of them grows. */
function underWay(owner: ContextOwner | undefined): ContextOwner | undefined {
  let found = owner;
  while (found?.isOver) found = found.outer;
  if (found?.outer !== undefined) found.outer = underWay(found.outer);
  return found;
}

function scopes({ AsyncLocalStorage, AsyncResource }: AsyncHooks): () => AsyncScope {
  // Made where this module is loaded: in the context of no request and no handler.
  const outside = new AsyncResource("Waybill");
  const storage = new AsyncLocalStorage<true>();
  const tried = new AsyncResource("Waybill");
  tried.runInAsyncScope(() => storage.enterWith(true));
  // Before Node 24, what is entered within a resource stays with it.
  const leaks = tried.runInAsyncScope(() => storage.getStore()) === true;
  if (!leaks) return () => outside;
  return () => outside.runInAsyncScope(() => new AsyncResource("Waybill"));
}
