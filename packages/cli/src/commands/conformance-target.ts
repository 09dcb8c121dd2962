import type { ConformanceTarget } from "@waybill/conformance";
import { adapterPackageOf, MessagingError } from "@waybill/core";
import { BrokerProblem, control, isBrokerName, withoutPassword } from "@waybill/local-brokers";
import { UsageError } from "../usage-error.ts";

export interface TargetOptions {
  /** Hand the suite power over the broker's process. */
  readonly mayKill: boolean;
}

/** What the suite is pointed at, for a URL: every adapter package exports it as `./conformance`. */
export async function targetOf(url: string, { mayKill }: TargetOptions): Promise<ConformanceTarget> {
  const name = packageOf(url);
  const module: { target(url: string): ConformanceTarget } = await load(`${name}/conformance`, name);
  const target = module.target(url);
  if (!mayKill || target.broker !== undefined) return target;
  const { adapter, endpoint } = target;
  if (!isBrokerName(adapter))
    throw new UsageError(`--may-kill was given for ${adapter}, which has no broker process. Leave it out.`);
  const broker = await control(adapter).catch((error: unknown) => {
    throw new UsageError(error instanceof BrokerProblem ? error.message : String(error));
  });
  if (!broker.endpoints.some(({ port }) => port === endpoint?.port)) {
    throw new UsageError(
      `--may-kill was given for another broker than the one started here, at ${withoutPassword(broker.url)}. Use that URL.`,
    );
  }
  if (!broker.keepsData) {
    throw new UsageError(
      `--may-kill was given for ${adapter}, whose emulator loses all messages when it is killed. Leave it out.`,
    );
  }
  return { ...target, broker };
}

function packageOf(url: string): string {
  try {
    return adapterPackageOf(url);
  } catch (error) {
    throw new UsageError(error instanceof MessagingError ? error.message : String(error));
  }
}

async function load(entry: string, name: string) {
  try {
    return await import(entry);
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")) throw cause;
    throw new UsageError(`The adapter package ${name} is not installed. Run: npm install ${name}`);
  }
}
