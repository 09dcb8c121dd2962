import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { AccessKey } from "../auth/claims.ts";
import { covers, normalPath } from "../auth/claims.ts";
import { InvalidToken, verifySasToken } from "../auth/sas-token.ts";
import type { Namespace } from "../namespace/namespace.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { errorDocument } from "./atom.ts";
import { type ApiRequest, type ApiResponse, manage } from "./management-api.ts";

/** Bytes of a request's body. */
const MAX_BODY = 64 * 1024;

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
  readonly #keys: readonly AccessKey[];

  constructor(namespace: Namespace, keys: readonly AccessKey[]) {
    this.#namespace = namespace;
    this.#keys = keys;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.headersTimeout = 10_000;
    this.#server.requestTimeout = 30_000;
    this.#server.keepAliveTimeout = 5_000;
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
      answer = this.#answer(await readRequest(request));
    } catch (error) {
      answer = refusal(error);
    }
    if (answer.type !== undefined) response.setHeader("content-type", answer.type);
    response.statusCode = answer.status;
    response.end(answer.body);
  }

  #answer(request: ApiRequest & { authorization: string | undefined }): ApiResponse {
    const [first] = request.path;
    if (
      request.method === "GET" &&
      (first === undefined || (first === "health" && request.path.length === 1))
    ) {
      return { status: 200, type: "text/plain", body: "Event Hubs emulator\n" };
    }
    this.#authorize(request.authorization, request.path.join("/"));
    return manage(request, this.#namespace);
  }

  #authorize(authorization: string | undefined, path: string): void {
    if (authorization === undefined)
      throw new InvalidToken("MissingToken: The authorization header was not found.");
    const { path: granted, claims } = verifySasToken(authorization, this.#keys, Date.now());
    if (!covers(granted, normalPath(path)))
      throw new InvalidToken("InvalidAudience: The token has an invalid audience.");
    if (!claims.includes("Manage")) {
      throw new ServiceError(CONDITION.unauthorized, "Manage claim is required for this operation.");
    }
  }
}

async function readRequest(
  request: IncomingMessage,
): Promise<ApiRequest & { authorization: string | undefined }> {
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
  return errorAnswer(500, "The server encountered an error.");
}

function errorAnswer(status: number, detail: string): ApiResponse {
  return { status, type: "application/xml; charset=utf-8", body: errorDocument(status, detail) };
}
