import type { Socket } from "node:net";
import type { Connection, Delivery, Receiver, Sender, Session } from "rhea";
import type { AmqpError } from "./amqp-error.ts";

/**
 * What this server uses of rhea beyond its typings. rhea is pinned to one version
 * for it.
 */
export interface ServerConnection extends Connection {
  socket: Socket;
  frame_size: number | undefined;
  accept(socket: Socket): ServerConnection;
  input(bytes: Buffer): void;
  output(): void;
  _write_frame(channel: number, frame: Performative | undefined, payload?: Buffer): void;
  _register(): void;
  sasl_transport?: { username?: string; selected?: { username?: string } };
  local_channel_map: Record<string, unknown>;
  remote: { open?: { max_frame_size?: number | null } };
}

/** What a frame says; a list of fields, the last of which may be missing. */
export interface Performative {
  value: unknown[];
  constructor: { descriptor: { numeric: number } };
}

export interface ServerSession extends Session {
  connection: ServerConnection;
  local: { channel: number; begin: { handle_max?: number } };
  outgoing: {
    next_delivery_id: number;
    next_pending_delivery: number;
    next_transfer_id: number;
    remote_next_transfer_id: number | null | undefined;
    remote_window: number | null | undefined;
  };
  links: Record<string, unknown>;
  on_transfer(frame: TransferFrame): void;
  on_disposition(frame: DispositionFrame): void;
  on_flow(frame: FlowFrame): void;
  _get_link(frame: TransferFrame): Receiver;
}

export interface TransferFrame {
  performative: { handle: number; message_format?: number | null; more?: boolean };
  payload?: Buffer;
}

export interface FlowFrame {
  performative: { handle?: number | null };
}

export interface DispositionFrame {
  performative: { first: number; last?: number | null };
}

/** A link on which this server sends. */
export interface OutgoingLink extends Sender {
  credit: number;
  session: ServerSession;
  delivery_count: number;
  state: { open_requests: number };
  local: { handle: number; attach: AttachFields };
  _draining: boolean;
}

/** A link on which this server receives. */
export interface IncomingLink extends Receiver {
  session: ServerSession;
  local: { handle: number; attach: AttachFields };
}

export interface AttachFields {
  source?: unknown;
  target?: unknown;
  max_message_size?: number;
  snd_settle_mode?: number;
  properties?: Record<string, unknown>;
  offered_capabilities?: string[];
}

export interface IncomingDelivery extends Omit<Delivery, "format"> {
  readonly format: number | undefined;
  reject(error: AmqpError): void;
}
