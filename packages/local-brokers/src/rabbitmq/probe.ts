import type { Endpoint } from "../network/endpoint.ts";
import { exchange } from "../network/exchange.ts";
import type { Probe } from "../network/probe.ts";
import { isWholeStart, protocolHeader, readConnectionStart } from "./connection-start.ts";

/** Begins the AMQP 0.9.1 handshake, in which the server introduces itself before any login. */
export async function probeRabbitmq(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await exchange(endpoint, protocolHeader, isWholeStart, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  const start = readConnectionStart(answer.received);
  if (start === null) return { kind: "other", reason: "it does not answer as an AMQP 0.9.1 server does" };
  return { kind: "speaks", version: start.version, ready: true };
}
