import rhea, { type Message } from "rhea";
import type { Hub } from "../namespace/hub.ts";
import type { Namespace } from "../namespace/namespace.ts";
import type { Partition } from "../namespace/partition.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import type { Reply } from "./request-link.ts";

const HUB = "com.microsoft:eventhub";
const PARTITION = "com.microsoft:partition";

/** Statuses of the conditions that reading a description can end with. */
const STATUS: Readonly<Record<string, number>> = {
  [CONDITION.notFound]: 404,
  [CONDITION.unauthorized]: 401,
  [CONDITION.argument]: 400,
  [CONDITION.argumentRange]: 400,
  [CONDITION.busy]: 503,
};

/**
 * Answers `READ` on `$management`: what a hub is, or how far a partition has got.
 * `authorize` throws when the client may not know.
 */
export function readDescription(
  request: Message,
  namespace: Namespace,
  authorize: (hub: string, token: unknown) => void,
): Reply {
  const { operation, name, type, partition, security_token } = request.application_properties ?? {};
  try {
    if (operation !== "READ")
      throw new ServiceError(CONDITION.notImplemented, `The operation '${operation}' is not supported.`);
    authorize(String(name), security_token);
    const hub = namespace.requireHub(String(name));
    if (type === HUB) return { status: 200, description: "OK", body: describeHub(hub) };
    if (type === PARTITION) {
      return {
        status: 200,
        description: "OK",
        body: describePartition(hub, hub.partition(String(partition))),
      };
    }
    throw new ServiceError(CONDITION.argument, `The entity type '${type}' is not supported.`);
  } catch (error) {
    return refused(error);
  }
}

/** The answer to a request that a {@link ServiceError} came of. */
export function refused(error: unknown): Reply {
  if (!(error instanceof ServiceError)) throw error;
  const { condition } = error;
  return { status: STATUS[condition] ?? 500, description: error.message, condition };
}

function describeHub({ name, description, partitions }: Hub): Record<string, unknown> {
  return {
    type: HUB,
    name,
    created_at: rhea.types.wrap_timestamp(description.createdAt),
    partition_count: rhea.types.wrap_int(partitions.length),
    partition_ids: rhea.types.wrap_array(
      partitions.map(({ id }) => id),
      0xa1,
      undefined,
    ),
    georeplication_factor: rhea.types.wrap_int(1),
  };
}

function describePartition({ name }: Hub, { id, log }: Partition): Record<string, unknown> {
  const { last } = log;
  return {
    type: PARTITION,
    name,
    partition: id,
    begin_sequence_number: rhea.types.wrap_long(log.beginning),
    last_enqueued_sequence_number: rhea.types.wrap_long(last?.sequenceNumber ?? -1),
    last_enqueued_offset: String(last?.offset ?? -1),
    last_enqueued_time_utc: rhea.types.wrap_timestamp(last?.enqueuedTime ?? 0),
    is_partition_empty: log.beginning === log.end,
  };
}
