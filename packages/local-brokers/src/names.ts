/** The brokers this package can start, named as their adapter packages are. */
export const brokerNames = ["kafka", "rabbitmq", "redis", "sns-sqs", "google-pubsub", "event-hubs"] as const;

export type BrokerName = (typeof brokerNames)[number];

/** Whether `text` is the name of a broker this package can start. */
export function isBrokerName(text: string): text is BrokerName {
  return (brokerNames as readonly string[]).includes(text);
}
