// Takes a bundled module from standard input, takes away what only Node has, and runs it: with what is left, as in a
// browser or a worker at the edge, it must still work.
import { text } from "node:stream/consumers";

const nodeGlobals = ["process", "Buffer", "global", "require", "module", "setImmediate", "clearImmediate"];

const source = await text(process.stdin);
const { stdout, stderr, exit } = process;
const write = stdout.write.bind(stdout);
const complain = stderr.write.bind(stderr);
const end = exit.bind(process);

// In a browser a timer is a number, with nothing to call on it.
const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
const timers = new Map<number, NodeJS.Timeout>();
let timerCount = 0;
const numbered =
  (start: typeof setTimeout | typeof setInterval) =>
  (callback: (...given: unknown[]) => void, ms?: number, ...given: unknown[]) => {
    timers.set(++timerCount, start(callback, ms, ...given));
    return timerCount;
  };
const stop = (end: typeof clearTimeout) => (timer: number | undefined) => {
  end(timers.get(timer ?? 0));
  timers.delete(timer ?? 0);
};
Object.assign(globalThis, {
  setTimeout: numbered(setTimeout),
  setInterval: numbered(setInterval),
  clearTimeout: stop(clearTimeout),
  clearInterval: stop(clearInterval),
});
for (const name of nodeGlobals) Reflect.deleteProperty(globalThis, name);

try {
  const program = await import(`data:text/javascript;base64,${btoa(unescape(encodeURIComponent(source)))}`);
  write(JSON.stringify(await program.run()), () => end(0));
} catch (error) {
  complain(String(error instanceof Error ? error.stack : error), () => end(1));
}
