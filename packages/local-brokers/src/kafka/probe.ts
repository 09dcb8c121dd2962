import type { Endpoint } from "../network/endpoint.ts";
import { exchange } from "../network/exchange.ts";
import type { Probe } from "../network/probe.ts";
import { apiVersionsRequest, isWholeAnswer, readApiVersions } from "./api-versions.ts";

const correlationId = 0x57_42;

/** Asks for the versions of Kafka's requests, which needs no login. */
export async function probeKafka(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await exchange(endpoint, apiVersionsRequest(correlationId), isWholeAnswer, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  const told = readApiVersions(answer.received, correlationId);
  if (told === null) return { kind: "other", reason: "it does not answer as Kafka does" };
  return { kind: "speaks", version: told.release, ready: true };
}
