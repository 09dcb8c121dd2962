import { rmSync } from "node:fs";
import { folderOf, lockOf, removeEmptyFolders } from "./home.ts";
import { readInstance } from "./instance.ts";
import { type BrokerName, brokerNames } from "./names.ts";
import { BrokerProblem } from "./problem.ts";
import { withLock } from "./process/lock.ts";
import { Progress } from "./progress.ts";
import { type BrokersOptions, type Settings, settingsOf } from "./settings.ts";
import { startedFrom } from "./started/from-instance.ts";

export interface TakeDownOptions extends BrokersOptions {
  /** Remove what was downloaded too. Default false. */
  readonly purge?: boolean | undefined;
}

export interface TakeDownOutcome {
  readonly name: BrokerName;
  /** Whether it had been started here. Anything else is left alone. */
  readonly wasStartedHere: boolean;
}

/**
 * Ends the brokers that were started in this home, and removes their data, logs and records. No signal goes to a
 * process that was not started here. Downloads stay, unless `purge` says otherwise.
 *
 * @throws BrokerProblem if a process does not end, or if `purge` is asked for while another broker of this home runs
 */
export async function takeDown(
  names: readonly BrokerName[],
  options: TakeDownOptions = {},
): Promise<TakeDownOutcome[]> {
  const settings = settingsOf(options);
  const outcomes = await Promise.all(names.map((name) => takeDownOne(name, settings)));
  if (options.purge === true) purge(settings);
  removeEmptyFolders(settings.home);
  return outcomes;
}

function takeDownOne(name: BrokerName, settings: Settings): Promise<TakeDownOutcome> {
  const progress = new Progress(name, settings.progress);
  return withLock(
    lockOf(settings.home, name),
    async () => {
      const instance = readInstance(settings.home, name);
      if (instance !== null) {
        progress.say("ending it and removing its data");
        await startedFrom(instance, settings).remove();
      }
      rmSync(folderOf(settings.home, name), { recursive: true, force: true });
      return { name, wasStartedHere: instance !== null };
    },
    (holder) => progress.say(`waiting for ${holder}, which works on it`),
  );
}

function purge(settings: Settings): void {
  const running = brokerNames.filter((name) => readInstance(settings.home, name) !== null);
  if (running.length > 0) {
    throw new BrokerProblem(`the downloads are in use by ${running.join(" and ")}`, {
      remedy: "take every broker down to purge",
    });
  }
  rmSync(settings.downloads, { recursive: true, force: true });
}
