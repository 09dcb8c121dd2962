import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrokerControl,
  type BrokerName,
  type BrokerStatus,
  bringUp,
  control,
  findFreePort,
  takeDown,
  urlVariable,
} from "../src/index.ts";
import { settingsOf } from "../src/settings.ts";

/** A broker started for one test file, in a home of its own, so that those others use are left alone. */
export interface OwnBroker extends AsyncDisposable {
  readonly home: string;
  readonly port: number;
  readonly status: BrokerStatus;
  readonly control: BrokerControl;
}

/** Starts one natively; the downloads are shared, so that it is quick from the second time on. */
export async function startOwn(name: BrokerName, environment: NodeJS.ProcessEnv = {}): Promise<OwnBroker> {
  const home = mkdtempSync(join(tmpdir(), "waybill-brokers-"));
  const port = await findFreePort();
  const options = {
    home,
    downloads: settingsOf({}).downloads,
    ports: { [name]: port },
    environment: { ...process.env, [urlVariable(name)]: "", ...environment },
    using: "native",
  } as const;
  const [outcome] = await bringUp([name], options);
  const dispose = async () => {
    await takeDown([name], options);
    rmSync(home, { recursive: true, force: true });
  };
  if (outcome === undefined || outcome.problem !== null) {
    await dispose();
    throw outcome?.problem;
  }
  return {
    home,
    port,
    status: outcome.status,
    control: await control(name, options),
    [Symbol.asyncDispose]: dispose,
  };
}
