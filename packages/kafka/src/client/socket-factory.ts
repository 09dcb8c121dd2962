import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ClientSettings, OpenSocket } from "./client-settings.ts";

const keepAliveMs = 30_000;

/** As kafkajs's own, but without Nagle's delay, and over a connection that the application opens if it likes. */
export function socketFactory(
  open: OpenSocket = ({ host, port }) => connectTcp({ host, port }),
): ClientSettings["socketFactory"] {
  return ({ host, port, ssl, onConnect }) => {
    const plain = open({ host, port });
    plain.setNoDelay(true);
    plain.setKeepAlive(true, keepAliveMs);
    if (ssl === undefined || ssl === null) {
      if (plain.connecting) plain.once("connect", onConnect);
      else queueMicrotask(onConnect);
      return plain;
    }
    const details = typeof ssl === "object" ? ssl : {};
    const secure = connectTls(
      { ...(isIP(host) ? {} : { servername: host }), ...details, socket: plain },
      onConnect,
    );
    plain.on("error", (error) => secure.destroy(error));
    return secure;
  };
}
