export type { BrokerEvents, ModelBroker, Variant } from "./model-broker.ts";
export { ModelClock, ModelTime } from "./model-time.ts";
export {
  type Command,
  type DriverFault,
  destinationNames,
  type Outcome,
  type Program,
  type ProgramSettings,
  type Thrown,
  thrown,
} from "./program.ts";
export { type ProgramResult, runProgram } from "./run-program.ts";
