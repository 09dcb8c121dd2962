import type { PartitionLog } from "../log/partition-log.ts";
import type { StoredEvent } from "../log/record.ts";

/** What a receiver asks for that wants to know with each event how far the partition has got. */
export const RUNTIME_METRICS = "com.microsoft:enable-receiver-runtime-metric";

/** The event's message with the partition's state in its delivery annotations. */
export function withRuntimeMetrics(
  { message, headerLength }: StoredEvent,
  log: PartitionLog,
  now: number,
): Buffer {
  const { last } = log;
  const entries = Buffer.concat([
    symbol("last_enqueued_sequence_number"),
    long(0x81, last?.sequenceNumber ?? -1),
    symbol("last_enqueued_offset"),
    text(String(last?.offset ?? -1)),
    symbol("last_enqueued_time_utc"),
    long(0x83, last?.enqueuedTime ?? 0),
    symbol("runtime_info_retrieval_time_utc"),
    long(0x83, now),
  ]);
  const prefix = Buffer.from([0x00, 0x53, 0x71, 0xd1, 0, 0, 0, 0, 0, 0, 0, 8]);
  prefix.writeUInt32BE(4 + entries.length, 4);
  return Buffer.concat([message.subarray(0, headerLength), prefix, entries, message.subarray(headerLength)]);
}

function symbol(name: string): Buffer {
  return Buffer.from([0xa3, name.length, ...Buffer.from(name, "latin1")]);
}

function text(value: string): Buffer {
  return Buffer.from([0xa1, value.length, ...Buffer.from(value, "latin1")]);
}

function long(code: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = code;
  bytes.writeBigInt64BE(BigInt(value), 1);
  return bytes;
}
