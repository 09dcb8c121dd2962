export type { GuaranteeId } from "./case.ts";
export { guarantees } from "./guarantees.ts";
export type { Counts } from "./history.ts";
export { matrixOf } from "./report/matrix.ts";
export { type ConformanceCase, conformanceCases } from "./run/cases.ts";
export type { CaseResult, Outcome, Report, Totals } from "./run/result.ts";
export { type CaseFilter, type RunOptions, runCases } from "./run/run-cases.ts";
export { type ConformanceOptions, runConformance, type TestRunner } from "./run/run-conformance.ts";
export type {
  BrokerProcess,
  ConformanceTarget,
  Endpoint,
  ExternalClient,
  ExternalListener,
  ExternalMessage,
  Quirk,
  ReachableUrl,
  ShortLease,
} from "./target.ts";
