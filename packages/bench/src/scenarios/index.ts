import type { Scenario } from "../scenario.ts";
import { againstClient } from "./against-client.ts";
import { defaults } from "./defaults.ts";
import { eventLoop } from "./event-loop.ts";
import { firstMessage } from "./first-message.ts";
import { jsonCodec } from "./json.ts";

export const scenarios: readonly Scenario[] = [
  ...againstClient,
  defaults,
  firstMessage,
  jsonCodec,
  ...eventLoop,
];
