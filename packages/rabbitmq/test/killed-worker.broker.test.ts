import { testKilledWorker } from "../../../scripts/testing/killed-worker.ts";
import { localBroker } from "../../../scripts/testing/local-broker.ts";
import { target } from "../src/conformance.ts";

const { url } = await localBroker("rabbitmq");
testKilledWorker(target(url));
