import { type Emulator, startEmulator } from "@waybill/event-hubs-emulator";
import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type EventHubsOptions, eventHubs } from "../src/index.ts";

/** A namespace of the test's own, in this process, in which things can be made to go wrong. */
export class EmulatedBench extends Workbench<EventHubsOptions> {
  readonly emulator: Emulator;
  readonly #store = `memory:${crypto.randomUUID()}`;

  static async start(): Promise<EmulatedBench> {
    return new EmulatedBench(await startEmulator());
  }

  private constructor(emulator: Emulator) {
    super();
    this.emulator = emulator;
  }

  driver(options: Partial<EventHubsOptions> = {}) {
    const [{ name, key } = { name: "", key: "" }] = this.emulator.keys;
    return eventHubs({
      namespace: `${this.emulator.host}:${this.emulator.port}`,
      keyName: name,
      key,
      emulator: true,
      ...(options.checkpointStore === undefined ? { checkpoints: this.#store } : {}),
      sessionTimeoutMs: 2_000,
      balanceIntervalMs: 200,
      checkpointIntervalMs: 0,
      requestTimeoutMs: 2_000,
      ...options,
    });
  }

  override async end(): Promise<void> {
    this.emulator.faults.clear();
    await super.end();
  }
}
