import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BrokerControl,
  type BrokerName,
  type BrokerStatus,
  type BrokersOptions,
  bringUp,
  control,
  downloadsFolder,
  findFreePort,
  takeDown,
  urlVariable,
} from "../src/index.ts";

/** A broker started for one test file, in a home of its own, so that those others use are left alone. */
export interface OwnBroker extends AsyncDisposable {
  readonly home: string;
  readonly port: number;
  readonly status: BrokerStatus;
  readonly control: BrokerControl;
  /** With which it was started, and is found again. */
  readonly options: BrokersOptions;
}

/** Starts one natively; the downloads are shared, so that it is quick from the second time on. */
export async function startOwn(name: BrokerName, environment: NodeJS.ProcessEnv = {}): Promise<OwnBroker> {
  const home = mkdtempSync(join(tmpdir(), "waybill-brokers-"));
  const port = await findFreePort();
  const options: BrokersOptions = {
    home,
    downloads: downloadsFolder(process.env),
    ports: { [name]: port },
    environment: { ...process.env, [urlVariable(name)]: "", ...environment },
    using: "native",
  };
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
    options,
    [Symbol.asyncDispose]: dispose,
  };
}
