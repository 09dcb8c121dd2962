/** Starts real brokers and emulators on this computer, and breaks and repairs them for fault tests. */
export { type BringUpOutcome, bringUp } from "./bring-up.ts";
export { type BrokerControl, control } from "./control.ts";
export { type BrokerName, brokerNames, isBrokerName } from "./names.ts";
export type { Endpoint } from "./network/endpoint.ts";
export { withoutPassword } from "./network/endpoint.ts";
export { findFreePort } from "./network/free-port.ts";
export { BrokerProblem } from "./problem.ts";
export type { ProgressEvent, ProgressListener } from "./progress.ts";
export type { BrokerCredential } from "./recipe.ts";
export { type BrokersOptions, downloadsFolder, homeFolder, portVariable, urlVariable } from "./settings.ts";
export type { BrokerOrigin, BrokerState, BrokerStatus } from "./status.ts";
export { statusOf } from "./status-of.ts";
export { type TakeDownOptions, type TakeDownOutcome, takeDown } from "./take-down.ts";
