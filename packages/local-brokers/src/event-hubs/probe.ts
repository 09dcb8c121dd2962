import type { Endpoint } from "../network/endpoint.ts";
import { exchange } from "../network/exchange.ts";
import type { Probe } from "../network/probe.ts";

/** What an AMQP 1.0 client says first if it wants to log in by SASL; the server says the same and then how. */
const saslHeader = Buffer.from("AMQP\x03\x01\x00\x00", "latin1");

/** The way to log in that Azure's namespaces have and other AMQP servers have not. */
const ofAzure = "MSSBCBS";

/** Begins the AMQP 1.0 handshake, up to the ways to log in. */
export async function probeEventHubs(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await exchange(endpoint, saslHeader, isWholeOffer, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  if (!isWholeOffer(answer.received) || !answer.received.includes(ofAzure)) {
    return { kind: "other", reason: "it does not answer as Event Hubs does" };
  }
  return { kind: "speaks", version: null, ready: true };
}

/** The header, and one frame with its length before it. */
function isWholeOffer(received: Buffer): boolean {
  const size = saslHeader.length;
  if (!received.subarray(0, size).equals(saslHeader) || received.length < size + 4) return false;
  return received.length >= size + received.readUInt32BE(size);
}
