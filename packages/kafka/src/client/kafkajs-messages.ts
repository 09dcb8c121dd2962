import { gzipSync } from "node:zlib";
import kafkajs from "kafkajs";
import { UnsupportedFormatError } from "../errors.ts";
import { BinaryReader } from "./binary-reader.ts";
import type { FetchedPartition, PartitionBatch, PartitionResult } from "./kafka-client.ts";
import { apiKeys, type ProtocolCall, protocolError } from "./kafkajs-internals.ts";
import { type AbortedTransaction, type Decompress, decodeRecords } from "./record-decoding.ts";
import { encodeRecordBatch } from "./record-encoding.ts";

/** Produce versions 3 to 7 share one request layout (https://kafka.apache.org/protocol#The_Messages_Produce). */
const produceVersions = { oldest: 3, newest: 7 };

/** A produce request, confirmed by all in-sync replicas, with one result per partition. */
export function produceCall(
  topic: string,
  batches: readonly PartitionBatch[],
  options: { readonly timeoutMs: number; readonly compress: boolean; readonly maxVersion: number },
): ProtocolCall {
  const apiVersion = Math.min(produceVersions.newest, options.maxVersion);
  if (apiVersion < produceVersions.oldest) {
    throw new UnsupportedFormatError("The broker is older than Kafka 0.11.");
  }
  return {
    request: {
      apiKey: apiKeys.produce,
      apiVersion,
      apiName: "Produce",
      encode: async () => {
        const encoded = encodeProduce(topic, batches, options);
        return { buf: encoded, buffer: encoded };
      },
    },
    response: {
      decode: async (payload) => decodeProduce(payload, apiVersion),
      parse: async (answer: ProduceAnswer) => answer.results,
    },
  };
}

function encodeProduce(
  topic: string,
  batches: readonly PartitionBatch[],
  options: { readonly timeoutMs: number; readonly compress: boolean },
): Buffer {
  const compress = options.compress ? gzipSync : undefined;
  const parts: Buffer[] = [];
  const name = Buffer.from(topic);
  const head = Buffer.alloc(18 + name.length);
  head.writeInt16BE(-1, 0);
  head.writeInt16BE(-1, 2);
  head.writeInt32BE(options.timeoutMs, 4);
  head.writeInt32BE(1, 8);
  head.writeInt16BE(name.length, 12);
  name.copy(head, 14);
  head.writeInt32BE(batches.length, 14 + name.length);
  parts.push(head);
  for (const { partition, records } of batches) {
    const encoded = encodeRecordBatch(records, compress);
    const partitionHead = Buffer.alloc(8);
    partitionHead.writeInt32BE(partition, 0);
    partitionHead.writeInt32BE(encoded.length, 4);
    parts.push(partitionHead, encoded);
  }
  return Buffer.concat(parts);
}

interface ProduceAnswer {
  readonly results: ReadonlyMap<number, PartitionResult>;
  readonly clientSideThrottleTime: number;
}

function decodeProduce(payload: Buffer, version: number): ProduceAnswer {
  const results = new Map<number, PartitionResult>();
  const reader = new BinaryReader(payload);
  for (let topics = reader.int32(); topics > 0; topics--) {
    reader.string();
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      const partition = reader.int32();
      const error = protocolError(reader.int16());
      const baseOffset = reader.int64();
      const appendedAt = reader.int64();
      if (version >= 5) reader.skip(8);
      results.set(partition, { baseOffset, appendedAt: appendedAt < 0 ? undefined : appendedAt, error });
    }
  }
  return { results, clientSideThrottleTime: version >= 6 ? reader.int32() : 0 };
}

/** Reads a fetch answer partition by partition, so that one partition's error is not another's. */
export function readFetch(
  call: ProtocolCall,
  from: (topic: string, partition: number) => number,
): ProtocolCall {
  const { apiVersion } = call.request;
  return {
    ...call,
    response: {
      decode: (payload) => decodeFetch(payload, apiVersion, from),
      parse: async (answer: FetchAnswer) => {
        if (answer.error !== undefined) throw answer.error;
        return answer.partitions;
      },
    },
  };
}

interface FetchAnswer {
  readonly error: Error | undefined;
  readonly partitions: readonly FetchedPartition[];
  readonly clientSideThrottleTime: number;
}

async function decodeFetch(
  payload: Buffer,
  version: number,
  from: (topic: string, partition: number) => number,
): Promise<FetchAnswer> {
  const reader = new BinaryReader(payload);
  const throttleMs = reader.int32();
  const error = version >= 7 ? protocolError(reader.int16()) : undefined;
  if (version >= 7) reader.skip(4);
  const partitions: FetchedPartition[] = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string();
    for (let left = reader.int32(); left > 0; left--) {
      partitions.push(await decodePartition(reader, topic, version, from));
    }
  }
  return { error, partitions, clientSideThrottleTime: version >= 8 ? throttleMs : 0 };
}

async function decodePartition(
  reader: BinaryReader,
  topic: string,
  version: number,
  from: (topic: string, partition: number) => number,
): Promise<FetchedPartition> {
  const partition = reader.int32();
  const error = protocolError(reader.int16());
  reader.skip(version >= 5 ? 24 : 16);
  const aborted: AbortedTransaction[] = [];
  for (let left = reader.int32(); left > 0; left--) {
    aborted.push({ producerId: reader.bigint(), firstOffset: reader.int64() });
  }
  if (version >= 11) reader.skip(4);
  const data = reader.bytes();
  const offset = from(topic, partition);
  if (error !== undefined) return { topic, partition, error, records: [], nextOffset: offset };
  try {
    const decoded = await decodeRecords(data, offset, aborted, decompress);
    return { topic, partition, error: undefined, ...decoded };
  } catch (cause) {
    return { topic, partition, error: cause, records: [], nextOffset: offset };
  }
}

/** With kafkajs's codecs: gzip, and what the application has registered in its `CompressionCodecs`. */
const decompress: Decompress = async (codec, packed) => {
  const codecs = kafkajs.CompressionCodecs as Record<
    number,
    () => { decompress(data: Buffer): Promise<Buffer> }
  >;
  const make = codecs[codec];
  if (make === undefined) throw new UnsupportedFormatError(`Nobody knows compression type ${codec}.`);
  return make().decompress(packed);
};
