import { connect, constants } from "node:http2";
import { authorityOf, type Endpoint } from "./endpoint.ts";

export type GrpcExchange =
  | { readonly kind: "refused"; readonly reason: string }
  /** Connected, and what is there does not answer as a gRPC server does. */
  | { readonly kind: "strange" }
  | { readonly kind: "answered"; readonly status: number; readonly message: string };

/** Calls one method, such as `/package.Service/Method`, and tells the status it ended with. Never throws. */
export function grpcExchange(
  endpoint: Endpoint,
  path: string,
  message: Buffer,
  timeoutMs: number,
): Promise<GrpcExchange> {
  return new Promise((resolve) => {
    let connected = false;
    const scheme = endpoint.tls ? "https" : "http";
    const session = connect(`${scheme}://${authorityOf(endpoint)}`, { rejectUnauthorized: false });
    const finish = (result: GrpcExchange) => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    const fail = (reason: string) => finish(connected ? { kind: "strange" } : { kind: "refused", reason });
    const timer = setTimeout(() => fail(`no connection within ${timeoutMs} ms`), timeoutMs);
    session.once("connect", () => {
      connected = true;
    });
    session.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    session.once("close", () => fail("closed"));

    const request = session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [constants.HTTP2_HEADER_TE]: "trailers",
    });
    // An error comes with the headers; after an answer, the status comes with the trailers.
    const read = (headers: Readonly<Record<string, string | string[] | number | undefined>>) => {
      const status = headers["grpc-status"];
      if (status === undefined) return;
      finish({ kind: "answered", status: Number(status), message: String(headers["grpc-message"] ?? "") });
    };
    request.on("response", read);
    request.on("trailers", read);
    // Where there is no connection, the session says why.
    request.on("error", () => {});
    request.once("close", () => connected && finish({ kind: "strange" }));
    request.resume();
    request.end(framed(message));
  });
}

/** Not compressed, and its length before it. */
function framed(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
