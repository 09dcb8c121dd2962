import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import type { Credentials } from "../auth/claims.ts";
import { claimsOf, covers, normalPath } from "../auth/claims.ts";
import { InvalidToken } from "../auth/sas-token.ts";
import { verifyToken } from "../auth/token.ts";
import { InvalidFault } from "../faults/fault.ts";
import { errorOf, type Faults } from "../faults/faults.ts";
import type { Namespace } from "../namespace/namespace.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { errorDocument } from "./atom.ts";
import { controlFaults, EMULATOR_PATH } from "./faults-api.ts";
import { type ApiRequest, type ApiResponse, manage } from "./management-api.ts";

/** Bytes of a request's body. */
const MAX_BODY = 64 * 1024;

/** How long a connection may be silent; longer than the longest delay that can be asked for. */
const SILENCE_MS = 90_000;

const STATUS: Readonly<Record<string, number>> = {
  [CONDITION.notFound]: 404,
  [CONDITION.exists]: 409,
  [CONDITION.argument]: 400,
  [CONDITION.argumentRange]: 400,
  [CONDITION.quota]: 403,
  [CONDITION.unauthorized]: 401,
  [CONDITION.notAllowed]: 405,
  [CONDITION.busy]: 503,
};

/** The HTTP side: probes and the management API. */
export class HttpServer {
  readonly #server: Server;
  readonly #namespace: Namespace;
  readonly #credentials: Credentials;
  readonly #faults: Faults;

  constructor(namespace: Namespace, credentials: Credentials, faults: Faults) {
    this.#namespace = namespace;
    this.#credentials = credentials;
    this.#faults = faults;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.timeout = SILENCE_MS;
  }

  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  close(): void {
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: ApiResponse;
    try {
      const call = await readRequest(request);
      const fault = isControl(call) || isProbe(call) ? undefined : this.#faults.take("http");
      if (fault?.action === "disconnect") return void request.socket.destroy();
      if (fault?.action === "delay") await setTimeout(fault.delayMs);
      else if (fault !== undefined) throw errorOf(fault);
      answer = this.#answer(call);
    } catch (error) {
      answer = refusal(error);
    }
    if (answer.type !== undefined) response.setHeader("content-type", answer.type);
    response.statusCode = answer.status;
    response.end(answer.body);
  }

  #answer(call: Call): ApiResponse {
    if (isProbe(call)) return { status: 200, type: "text/plain", body: "Event Hubs emulator\n" };
    if (isControl(call)) {
      if (!this.#knowsPassword(call.authorization)) this.#authorize(call.authorization, "");
      return controlFaults(call, this.#faults);
    }
    this.#authorize(call.authorization, call.path.join("/"));
    return manage(call, this.#namespace);
  }

  #authorize(authorization: string | undefined, path: string): void {
    if (authorization === undefined)
      throw new InvalidToken("MissingToken: The authorization header was not found.");
    const token = authorization.replace(/^Bearer /i, "");
    const { path: granted, claims } = verifyToken(token, this.#credentials, Date.now());
    if (!covers(granted, normalPath(path)))
      throw new InvalidToken("InvalidAudience: The token has an invalid audience.");
    if (!claims.includes("Manage")) {
      throw new ServiceError(CONDITION.unauthorized, "Manage claim is required for this operation.");
    }
  }

  /** For people with curl: name and key of a key that may manage. */
  #knowsPassword(authorization: string | undefined): boolean {
    const [, given] = /^Basic (.+)$/i.exec(authorization ?? "") ?? [];
    if (given === undefined) return false;
    const password = Buffer.from(given, "base64").toString("utf8");
    return this.#credentials.keys.some(
      (key) => claimsOf(key).includes("Manage") && `${key.name}:${key.key}` === password,
    );
  }
}

interface Call extends ApiRequest {
  readonly authorization: string | undefined;
}

function isProbe({ method, path }: Call): boolean {
  return method === "GET" && (path.length === 0 || (path.length === 1 && path[0] === "health"));
}

function isControl({ path }: Call): boolean {
  return path[0] === EMULATOR_PATH;
}

async function readRequest(request: IncomingMessage): Promise<Call> {
  const origin = `http://${request.headers.host ?? "localhost"}`;
  const url = new URL(request.url ?? "/", "http://localhost");
  return {
    method: request.method ?? "GET",
    path: segmentsOf(url.pathname),
    origin,
    query: url.searchParams,
    body: await readBody(request),
    mayReplace: request.headers["if-match"] === "*",
    authorization: request.headers.authorization,
  };
}

function segmentsOf(pathname: string): string[] {
  try {
    return pathname.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    throw new ServiceError(CONDITION.argument, "The request URL is not well formed.");
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY)
      throw new ServiceError(CONDITION.argument, `The request body is longer than ${MAX_BODY} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function refusal(error: unknown): ApiResponse {
  if (error instanceof InvalidToken) return errorAnswer(401, error.message);
  if (error instanceof ServiceError) return errorAnswer(STATUS[error.condition] ?? 500, error.message);
  if (error instanceof InvalidFault) return errorAnswer(400, error.message);
  return errorAnswer(500, "The server encountered an error.");
}

function errorAnswer(status: number, detail: string): ApiResponse {
  return { status, type: "application/xml; charset=utf-8", body: errorDocument(status, detail) };
}
