import { composeFor } from "../container/compose.ts";
import type { Instance } from "../instance.ts";
import type { Settings } from "../settings.ts";
import { containerBroker } from "./container.ts";
import { nativeBroker } from "./native.ts";
import type { Started } from "./started.ts";

/** What can be done with the broker of this record. */
export function startedFrom(instance: Instance, settings: Settings): Started {
  if (instance.how === "native") return nativeBroker(settings.home, instance);
  return containerBroker(composeFor(instance.engine, instance.name, instance.port, settings));
}
