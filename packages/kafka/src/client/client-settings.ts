import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { SASLOptions } from "kafkajs";
import type { Host } from "./broker-addresses.ts";

/** Opens a TCP connection to a broker, as `net.connect` does: for tunnels and proxies. */
export type OpenSocket = (to: Host) => Socket;

/** What the client underneath needs. */
export interface ClientSettings {
  readonly brokers: readonly Host[];
  readonly clientId: string;
  readonly ssl: ConnectionOptions | true | undefined;
  readonly sasl: SASLOptions | undefined;
  readonly socketFactory: (args: {
    host: string;
    port: number;
    ssl?: ConnectionOptions;
    onConnect: () => void;
  }) => Socket;
  readonly compression: "none" | "gzip";
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}
