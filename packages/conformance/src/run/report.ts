import { connect } from "@waybill/core";
import type { ConformanceTarget } from "../target.ts";
import { type CaseResult, type Report, totalsOf } from "./result.ts";

/** The report on these results, with what the broker says of itself. */
export async function reportOn(target: ConformanceTarget, cases: readonly CaseResult[]): Promise<Report> {
  const driver = target.driver();
  const { capabilities } = driver;
  const broker = await askBroker(target);
  return {
    adapter: target.adapter,
    driver: driver.name,
    broker,
    totals: totalsOf(cases),
    capabilities,
    cases,
  };
}

async function askBroker(target: ConformanceTarget): Promise<Report["broker"]> {
  try {
    await using client = await connect(target.driver(), { onError: () => undefined });
    const { name, version } = client.broker;
    return { name, version: version ?? null };
  } catch {
    return { name: target.adapter, version: null };
  }
}
