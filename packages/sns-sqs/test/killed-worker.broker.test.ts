import { testKilledWorker } from "../../../scripts/testing/killed-worker.ts";
import { localBroker } from "../../../scripts/testing/local-broker.ts";
import { target } from "../src/conformance.ts";

const { url } = await localBroker("sns-sqs");
// The shortest leases are too short for a thousand at a time, which takes a hundred requests to renew.
const { shortLease: _, ...suite } = target(url);
const reach = new URL(suite.url?.href ?? url);
reach.searchParams.set("leaseMs", "6000");
testKilledWorker({ ...suite, url: { module: suite.url?.module ?? "", href: reach.href } });
