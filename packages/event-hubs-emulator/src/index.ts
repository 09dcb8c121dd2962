export type { AccessKey, BearerToken, Claim } from "./auth/claims.ts";
export { type Emulator, startEmulator } from "./emulator.ts";
export { type Fault, type FaultAction, type FaultPoint, InvalidFault } from "./faults/fault.ts";
export type { DetachRequest, Faults, PendingFault } from "./faults/faults.ts";
export type { EmulatorOptions, HubOptions } from "./options.ts";
