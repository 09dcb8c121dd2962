import { vi } from "vitest";

const RealDate = Date;

/** The time of day, however this process's clock is set. */
export const realNow = (): number => RealDate.now();

/** Sets the clock of this process, of the vendor's client too, by so much, until `vi.unstubAllGlobals()`. */
export function skewClock(ms: number): void {
  const now = () => RealDate.now() + ms;
  const handler: ProxyHandler<DateConstructor> = {
    construct: (target, given) => Reflect.construct(target, given.length === 0 ? [now()] : given),
    get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
  };
  vi.stubGlobal("Date", new Proxy(RealDate, handler));
}
