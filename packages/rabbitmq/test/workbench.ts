import { Workbench } from "../../../scripts/testing/workbench.ts";
import { type RabbitmqOptions, rabbitmq } from "../src/index.ts";
import { settingsFromUrl } from "../src/options.ts";

/** The broker under test: the environment's, or the one where local brokers usually listen. */
export const brokerUrl = process.env.WAYBILL_RABBITMQ_URL || "amqp://guest:guest@127.0.0.1:5672";

export class RabbitmqBench extends Workbench<RabbitmqOptions> {
  driver(options: RabbitmqOptions = {}) {
    const { hosts, vhost, username, password } = settingsFromUrl(brokerUrl, {});
    return rabbitmq({ hosts, vhost, username, password, ...options });
  }
}
