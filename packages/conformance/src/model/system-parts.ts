import type { Contracts } from "./contracts.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Model } from "./model.ts";
import type { ModelBroker } from "./model-broker.ts";
import type { ModelClock, ModelTime } from "./model-time.ts";
import type { ProgramSettings } from "./program.ts";

/** What everything that takes part in one program shares. */
export interface SystemParts {
  readonly time: ModelTime;
  /** For what is neither the broker's time nor a client's. */
  readonly clock: ModelClock;
  readonly model: Model;
  readonly settings: ProgramSettings;
  readonly contracts: Contracts;
  readonly broker: ModelBroker;
  readonly deadlines: Deadlines;
  /** From now on all goes well. */
  readonly healed: AbortController;
  /** The broker counts deliveries that were not settled. */
  readonly countsAttempts: boolean;
  readonly log: (what: string) => void;
}
