import { authorityOf, type Endpoint } from "./endpoint.ts";
import { exchange } from "./exchange.ts";

export type HttpExchange =
  | { readonly kind: "refused"; readonly reason: string }
  /** Connected, and what came back is no whole HTTP answer. */
  | { readonly kind: "strange" }
  | { readonly kind: "answered"; readonly status: number; readonly body: string };

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One HTTP/1.1 request on a connection of its own; reads until the server closes it. Never throws. */
export async function httpExchange(
  endpoint: Endpoint,
  { method, path, headers = {}, body = "" }: HttpRequest,
  timeoutMs: number,
): Promise<HttpExchange> {
  const fields = {
    host: authorityOf(endpoint),
    connection: "close",
    "content-length": Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
  const answer = await exchange(endpoint, request, isWhole, timeoutMs);
  if (answer.kind === "refused") return answer;
  const text = answer.received.toString();
  const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(text)?.[1];
  const end = text.indexOf("\r\n\r\n");
  if (status === undefined || end < 0) return { kind: "strange" };
  return { kind: "answered", status: Number(status), body: text.slice(end + 4) };
}

/** By its length where it tells one, so that a server which keeps the connection does not keep us waiting. */
function isWhole(received: Buffer): boolean {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(received.toString("latin1", 0, end))?.[1];
  return length !== undefined && received.length >= end + 4 + Number(length);
}
