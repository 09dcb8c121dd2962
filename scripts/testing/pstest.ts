import {
  bringUp,
  findFreePort,
  homeFolder,
  portVariable,
  statusOf,
  takeDown,
  urlVariable,
} from "@waybill/local-brokers";
import { mayKillBrokers } from "./may-kill.ts";

/** One that was started for a test file, and how to end it. */
export interface StartedPstest {
  readonly url: string;
  stop(): Promise<void>;
}

const name = "google-pubsub";

/**
 * Where Google's emulator is what `npm run test:all` tests on, its replacement for computers without it is
 * to be proven as well: starts that one too, in a home of its own. Else returns why there is nothing to do.
 */
export async function pstestBesideTheEmulator(): Promise<StartedPstest | { readonly notRun: string }> {
  if (!mayKillBrokers()) return { notRun: "only `npm run test:all` starts what is tested" };
  const [other] = await statusOf([name]);
  if (other?.version?.startsWith("pstest")) return { notRun: "the tests ran on pstest already" };
  const environment = await pstestAlone(process.env);
  const [outcome] = await bringUp([name], { environment });
  if (outcome?.status.url == null) throw outcome?.problem ?? new Error("pstest is not up");
  return {
    url: outcome.status.url,
    stop: async () => {
      await takeDown([name], { environment });
    },
  };
}

/**
 * Builds pstest before tests need it: the first time takes a minute, and several where
 * other tests run. Where it cannot be built, the tests that need it say why.
 */
export async function buildPstest(environment: NodeJS.ProcessEnv): Promise<void> {
  const own = await pstestAlone(environment);
  await bringUp([name], { environment: own });
  await takeDown([name], { environment: own });
}

/** The environment with the home in which pstest runs beside the emulator. */
export function pstestEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, WAYBILL_BROKERS_HOME: `${homeFolder(environment)}-pstest` };
}

/** The environment in which this emulator is started on a free port, and no other is found. */
async function pstestAlone(environment: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  return {
    ...pstestEnvironment(environment),
    [urlVariable(name)]: "",
    [portVariable(name)]: String(await findFreePort()),
    WAYBILL_GOOGLE_PUBSUB_EMULATOR: "pstest",
  };
}
