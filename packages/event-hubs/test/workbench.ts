import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type EventHubsOptions, eventHubs } from "../src/index.ts";
import { settingsFromUrl } from "../src/options.ts";

/** The namespace under test: the environment's, or where the local emulator and its blob store usually listen. */
const url =
  process.env.WAYBILL_EVENT_HUBS_URL ||
  "eventhubs://RootManageSharedAccessKey:SAS_KEY_VALUE@127.0.0.1:5674?emulator=true&checkpoints=http%3A%2F%2F127.0.0.1%3A10000%2Fdevstoreaccount1%2Fwaybill-checkpoints";

export const settings = settingsFromUrl(url, {});

export class EventHubsBench extends Workbench<EventHubsOptions> {
  driver(options: Partial<EventHubsOptions> = {}) {
    const { username, password, host, searchParams } = new URL(url);
    return eventHubs({
      namespace: host,
      keyName: decodeURIComponent(username),
      key: decodeURIComponent(password),
      emulator: searchParams.get("emulator") === "true",
      ...(options.checkpointStore === undefined
        ? { checkpoints: searchParams.get("checkpoints") ?? "memory:" }
        : {}),
      sessionTimeoutMs: 2_000,
      balanceIntervalMs: 300,
      checkpointIntervalMs: 50,
      requestTimeoutMs: 5_000,
      ...options,
    });
  }
}
