import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type BringUpOutcome,
  type BrokerName,
  bringUp,
  brokerNames,
  downloadsFolder,
  findFreePort,
  type ProgressEvent,
  portVariable,
  takeDown,
  urlVariable,
} from "@waybill/local-brokers";
import { resultsFolder } from "../tally.ts";
import { buildPstest, pstestEnvironment } from "./pstest.ts";

/** Temporary files of the tests, among them the homes of brokers that a test file starts for itself. */
const temporary = join(resultsFolder, "tmp");

/**
 * Brokers of this checkout's own, on free ports, so that tests may kill them and
 * nobody else is disturbed. What the environment names is used as it is.
 */
export class OwnBrokers {
  /** For programs that are to find these brokers. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #names: readonly BrokerName[];

  private constructor(environment: NodeJS.ProcessEnv, names: readonly BrokerName[]) {
    this.environment = environment;
    this.#names = names;
  }

  /** Takes down what an earlier run may have left, and chooses ports. */
  static async prepare(names: readonly BrokerName[]): Promise<OwnBrokers> {
    const environment: NodeJS.ProcessEnv = {
      ...process.env,
      TMPDIR: temporary,
      WAYBILL_BROKERS_HOME: join(resultsFolder, "brokers"),
      // Shared with `waybill brokers up`: what was downloaded once is not downloaded again.
      WAYBILL_BROKERS_DOWNLOADS: downloadsFolder(process.env),
    };
    const brokers = new OwnBrokers(environment, names);
    await brokers.#takeDown();
    mkdirSync(temporary, { recursive: true });
    for (const name of names) {
      if (!environment[urlVariable(name)]) environment[portVariable(name)] = String(await findFreePort());
    }
    return brokers;
  }

  async up(): Promise<BringUpOutcome[]> {
    const { environment } = this;
    const [outcomes] = await Promise.all([
      bringUp(this.#names, { environment, progress: say }),
      this.#names.includes("google-pubsub") ? buildPstest(environment) : undefined,
    ]);
    return outcomes;
  }

  /** Takes down all that runs in homes of this checkout, also what a test file started and was ended before it could. */
  down(): Promise<void> {
    return this.#takeDown(say);
  }

  async #takeDown(progress?: typeof say): Promise<void> {
    const { environment } = this;
    await takeDown(brokerNames, { environment, progress });
    await takeDown(["google-pubsub"], { environment: pstestEnvironment(environment) });
    const left = existsSync(temporary) ? readdirSync(temporary) : [];
    for (const folder of left.filter((name) => name.startsWith("waybill-brokers-")))
      await takeDown(brokerNames, { environment, home: join(temporary, folder) });
    rmSync(temporary, { recursive: true, force: true });
  }
}

function say({ broker, message, elapsedMs }: ProgressEvent): void {
  console.log(`  ${broker.padEnd(13)} ${(elapsedMs / 1000).toFixed(1).padStart(6)} s  ${message}`);
}
