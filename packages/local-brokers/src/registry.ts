import { eventHubs } from "./event-hubs/recipe.ts";
import { googlePubsub } from "./google-pubsub/recipe.ts";
import { kafka } from "./kafka/recipe.ts";
import type { BrokerName } from "./names.ts";
import { rabbitmq } from "./rabbitmq/recipe.ts";
import type { BrokerRecipe } from "./recipe.ts";
import { redis } from "./redis/recipe.ts";
import { snsSqs } from "./sns-sqs/recipe.ts";

/** The recipe of every broker; a name without one does not compile. */
export const recipes: Readonly<Record<BrokerName, BrokerRecipe>> = {
  kafka,
  rabbitmq,
  redis,
  "sns-sqs": snsSqs,
  "google-pubsub": googlePubsub,
  "event-hubs": eventHubs,
};
