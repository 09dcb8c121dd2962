import { homedir } from "node:os";
import { join } from "node:path";
import {
  type BringUpOutcome,
  bringUp,
  brokerNames,
  findFreePort,
  type ProgressEvent,
  portVariable,
  takeDown,
  urlVariable,
} from "@waybill/local-brokers";
import { resultsFolder } from "../tally.ts";
import { pstestEnvironment } from "./pubsub-stand-in.ts";

/**
 * Brokers of this checkout's own, on free ports, so that tests may kill them and
 * nobody else is disturbed. What the environment names is used as it is.
 */
export class OwnBrokers {
  /** For programs that are to find these brokers. */
  readonly environment: NodeJS.ProcessEnv;

  private constructor(environment: NodeJS.ProcessEnv) {
    this.environment = environment;
  }

  /** Takes down what an earlier run may have left, and chooses ports. */
  static async prepare(): Promise<OwnBrokers> {
    const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      WAYBILL_BROKERS_HOME: join(resultsFolder, "brokers"),
      // Shared with `waybill brokers up`: what was downloaded once is not downloaded again.
      WAYBILL_BROKERS_DOWNLOADS:
        process.env.WAYBILL_BROKERS_DOWNLOADS || join(cache, "waybill", "brokers", "downloads"),
    };
    await takeDown(brokerNames, { environment });
    await takeDown(["google-pubsub"], { environment: pstestEnvironment(environment) });
    for (const name of brokerNames) {
      if (!environment[urlVariable(name)]) environment[portVariable(name)] = String(await findFreePort());
    }
    return new OwnBrokers(environment);
  }

  up(): Promise<BringUpOutcome[]> {
    return bringUp(brokerNames, { environment: this.environment, progress: say });
  }

  async down(): Promise<void> {
    await takeDown(brokerNames, { environment: this.environment, progress: say });
    await takeDown(["google-pubsub"], { environment: pstestEnvironment(this.environment) });
  }
}

function say({ broker, message, elapsedMs }: ProgressEvent): void {
  console.log(`  ${broker.padEnd(13)} ${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${message}`);
}
