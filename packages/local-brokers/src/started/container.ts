import type { Compose } from "../container/compose.ts";
import { lastLines } from "../process/run.ts";
import { untilGone } from "../process/until-gone.ts";
import type { Started } from "./started.ts";

/** A broker that runs in a container. */
export function containerBroker(compose: Compose): Started {
  const isRunning = async () =>
    (await compose("ps", "--quiet", "--status", "running", "--status", "paused")).trim() !== "";
  const quietly = async (command: string, ...args: string[]) => {
    await compose(command, ...args);
  };
  return {
    isRunning,
    log: async () => lastLines(await compose("logs", "--no-color", "--tail", "20")),
    async kill() {
      // The signal goes to the container's first process, with which all others in it end.
      if (await isRunning()) await quietly("kill", "--signal", "SIGKILL");
      await untilGone("the container", isRunning);
    },
    start: () => quietly("start"),
    pause: () => quietly("pause"),
    resume: () => quietly("unpause"),
    remove: () => quietly("down", "--volumes", "--timeout", "0"),
  };
}
