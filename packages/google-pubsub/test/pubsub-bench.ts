import { Workbench } from "../../../scripts/testing/workbench.ts";
import { adapter, type GooglePubsubOptions, googlePubsub } from "../src/index.ts";

/** The emulator under test: the environment's, or the one where local brokers usually listen. */
const url = new URL(
  process.env.WAYBILL_GOOGLE_PUBSUB_URL || "pubsub://waybill-local?emulatorHost=127.0.0.1:8085",
);

export class PubsubBench extends Workbench<GooglePubsubOptions> {
  driver(options: Partial<GooglePubsubOptions> = {}) {
    const emulatorHost = url.searchParams.get("emulatorHost");
    if (emulatorHost === null) return adapter.fromUrl(url.href, {});
    return googlePubsub({ projectId: url.hostname, emulatorHost, ...options });
  }
}
