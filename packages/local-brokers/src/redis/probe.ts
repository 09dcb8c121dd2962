import type { Endpoint } from "../network/endpoint.ts";
import { exchange } from "../network/exchange.ts";
import type { Probe } from "../network/probe.ts";

/** Asks for INFO. A Redis that wants a password first is recognised too; it just does not tell its version. */
export async function probeRedis(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await exchange(endpoint, Buffer.from("*1\r\n$4\r\nINFO\r\n"), isWholeReply, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  return readInfo(answer.received.toString());
}

/** What a reply to INFO tells. */
function readInfo(reply: string): Probe {
  if (/^-(NOAUTH|DENIED|NOPERM|LOADING)\b/.test(reply)) {
    return { kind: "speaks", version: null, ready: !reply.startsWith("-LOADING") };
  }
  const version = /^(?:valkey|redis)_version:(\S+)/m.exec(reply)?.[1];
  if (version === undefined) return { kind: "other", reason: "it does not answer as Redis does" };
  return { kind: "speaks", version, ready: !/^loading:1/m.test(reply) };
}

function isWholeReply(received: Buffer): boolean {
  const endOfFirstLine = received.indexOf("\r\n");
  if (endOfFirstLine < 0) return false;
  const bulk = /^\$(\d+)$/.exec(received.toString("latin1", 0, endOfFirstLine));
  return bulk === null || received.length >= endOfFirstLine + 2 + Number(bulk[1]) + 2;
}
