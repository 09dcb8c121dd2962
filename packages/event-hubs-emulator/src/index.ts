export type { AccessKey, Claim } from "./auth/claims.ts";
export { type Emulator, startEmulator } from "./emulator.ts";
export type { EmulatorOptions, HubOptions } from "./options.ts";
