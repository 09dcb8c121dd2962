import { bringUp, findFreePort, portVariable, statusOf, takeDown, urlVariable } from "@waybill/local-brokers";
import { mayKillVariable } from "./broker-status.ts";

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
  if (process.env[mayKillVariable] !== "1")
    return { notRun: "only `npm run test:all` starts what is tested" };
  const [other] = await statusOf([name]);
  if (other?.version?.startsWith("pstest")) return { notRun: "the tests ran on pstest already" };
  const environment = {
    ...pstestEnvironment(process.env),
    [urlVariable(name)]: "",
    [portVariable(name)]: String(await findFreePort()),
    WAYBILL_GOOGLE_PUBSUB_STAND_IN: "pstest",
  };
  const [outcome] = await bringUp([name], { environment });
  if (outcome?.status.url == null) throw outcome?.problem ?? new Error("pstest is not up");
  return {
    url: outcome.status.url,
    stop: async () => {
      await takeDown([name], { environment });
    },
  };
}

/** The environment with the home in which pstest runs beside the emulator. */
export function pstestEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...environment, WAYBILL_BROKERS_HOME: `${environment.WAYBILL_BROKERS_HOME}-pstest` };
}
