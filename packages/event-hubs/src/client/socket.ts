import type { Connection, Container } from "rhea";

/** What rhea keeps to itself. */
interface Internals {
  readonly socket?: { destroy?: () => void; end?: () => void };
  heartbeat_in: NodeJS.Timeout | undefined;
  heartbeat_out: NodeJS.Timeout | undefined;
}

/**
 * Ends the socket whatever rhea still has in mind, and its watch for silence too: that
 * would keep the process alive, since what comes in while a connection ends sets it anew.
 * A timer that has ended takes its place, so that rhea takes it for set.
 */
export function destroySocket(connection: Connection): void {
  const internals = connection as unknown as Internals;
  clearTimeout(internals.heartbeat_in);
  clearTimeout(internals.heartbeat_out);
  const ended = setTimeout(() => {}, 0);
  clearTimeout(ended);
  internals.heartbeat_in = ended;
  const { socket } = internals;
  if (socket?.destroy !== undefined) socket.destroy();
  else socket?.end?.();
}

/** https://learn.microsoft.com/azure/event-hubs/troubleshooting-guide: the same protocol through port 443. */
export function overWebSocket(
  container: Container,
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls: boolean },
): unknown {
  const url = `${tls ? "wss" : "ws"}://${host}:${port}/$servicebus/websocket`;
  return container.websocket_connect(WebSocket as never)(url, ["AMQPWSB10"], undefined as never);
}
