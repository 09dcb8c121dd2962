import type { Case } from "../case.ts";
import { aborting } from "./aborting.ts";
import { backPressure } from "./back-pressure.ts";
import { backoff } from "./backoff.ts";
import { connecting } from "./connecting.ts";
import { deadLettering } from "./dead-lettering.ts";
import { delivery } from "./delivery.ts";
import { drain } from "./drain.ts";
import { errors } from "./errors.ts";
import { externalClients } from "./external-clients.ts";
import { failurePolicy } from "./failure-policy.ts";
import { faults } from "./faults.ts";
import { fidelity } from "./fidelity.ts";
import { filtering } from "./filters.ts";
import { flow } from "./flow.ts";
import { groupsAndQueues } from "./groups-and-queues.ts";
import { lifecycle } from "./lifecycle.ts";
import { limits } from "./limits.ts";
import { mistakes } from "./mistakes.ts";
import { naming } from "./naming.ts";
import { ordering } from "./ordering.ts";
import { prefetchInBytes } from "./prefetch-bytes.ts";
import { recovery } from "./recovery.ts";
import { redrive } from "./redrive.ts";
import { refusals } from "./refusals.ts";
import { replay } from "./replay.ts";
import { requestReply } from "./request-reply.ts";
import { retrying } from "./retrying.ts";
import { settlement } from "./settlement.ts";
import { time } from "./time.ts";
import { topology } from "./topology.ts";

/** Every case, in the order in which they are reported. Each suite is a file and exports its cases. */
export const allCases: readonly Case[] = [
  ...connecting,
  ...lifecycle,
  ...aborting,
  ...delivery,
  ...fidelity,
  ...limits,
  ...externalClients,
  ...groupsAndQueues,
  ...filtering,
  ...replay,
  ...settlement,
  ...retrying,
  ...failurePolicy,
  ...backoff,
  ...deadLettering,
  ...redrive,
  ...ordering,
  ...flow,
  ...backPressure,
  ...prefetchInBytes,
  ...time,
  ...drain,
  ...requestReply,
  ...topology,
  ...naming,
  ...mistakes,
  ...errors,
  ...refusals,
  ...recovery,
  ...faults,
];
