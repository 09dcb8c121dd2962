import { errorOf, type Faults, type Subject } from "../faults/faults.ts";
import { LogCursor } from "../log/partition-log.ts";
import type { Hub } from "../namespace/hub.ts";
import type { Partition } from "../namespace/partition.ts";
import type { Reader } from "../namespace/reader-slots.ts";
import { CONDITION, ServiceError } from "../namespace/service-error.ts";
import { amqpError } from "./amqp-error.ts";
import type { OutgoingLink } from "./rhea-internals.ts";
import { withRuntimeMetrics } from "./runtime-metrics.ts";
import { TransferWriter } from "./transfer-writer.ts";

/** Bytes that may wait in a socket before a receiver has to pause. */
const MAX_UNSENT = 1024 * 1024;
/** Events and bytes sent in one go, before others get their turn. */
const TURN_EVENTS = 500;
const TURN_BYTES = 512 * 1024;

export interface ReceiverTarget {
  readonly hub: Hub;
  readonly group: string;
  readonly partition: Partition;
  readonly path: string;
  readonly name: string;
  readonly epoch: number | undefined;
  readonly runtimeMetrics: boolean;
}

/** A link on which a client reads a partition. */
export class ReceiverLink implements Reader {
  readonly kind = "receive";
  readonly claim = "Listen";
  readonly path: string;
  readonly subject: Subject;
  readonly hub: Hub;
  readonly group: string;
  readonly partition: Partition;
  readonly name: string;
  readonly epoch: number | undefined;
  readonly #link: OutgoingLink;
  readonly #faults: Faults;
  readonly #runtimeMetrics: boolean;
  readonly #wake = (): void => this.#schedule();
  #cursor: LogCursor | undefined;
  #writer: TransferWriter | undefined;
  #scheduled = false;
  #closed = false;

  constructor(link: OutgoingLink, target: ReceiverTarget, faults: Faults) {
    this.#link = link;
    this.#faults = faults;
    this.path = target.path;
    this.subject = { hub: target.hub.name, partition: target.partition.id, role: "receive" };
    this.hub = target.hub;
    this.group = target.group;
    this.partition = target.partition;
    this.name = target.name;
    this.epoch = target.epoch;
    this.#runtimeMetrics = target.runtimeMetrics;
  }

  /** Begins to send from a sequence number, as far as there is credit. */
  start(sequenceNumber: number): void {
    this.#cursor = new LogCursor(sequenceNumber);
    this.#writer = new TransferWriter(this.#link);
    this.#link.on("sender_flow", this.#wake);
  }

  /** The session's window is wider than before. */
  resume(): void {
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#send();
      } catch {
        this.close(new ServiceError(CONDITION.internal, "The events of this partition cannot be read."));
      }
    });
  }

  #send(): void {
    if (this.#closed || this.#cursor === undefined || this.#writer === undefined) return;
    const { socket } = this.#link.session.connection;
    if (this.#link.state.open_requests > 0) return this.#schedule();
    if (socket.writableLength > MAX_UNSENT) {
      socket.off("drain", this.#wake);
      socket.once("drain", this.#wake);
      return;
    }
    if (this.#faultStrikes(this.#cursor)) return;
    const sent = this.#sendSome(this.#cursor, this.#writer);
    if (this.#link.credit <= 0) return;
    if (this.#cursor.sequenceNumber < this.partition.log.end) {
      if (sent) this.#schedule();
      return;
    }
    if (this.#link._draining) this.#drained();
    else this.partition.whenAppended(this.#wake);
  }

  /** Whether a fault is in the way of what there is to send. */
  #faultStrikes(cursor: LogCursor): boolean {
    if (this.#link.credit <= 0 || cursor.sequenceNumber >= this.partition.log.end) return false;
    const fault = this.#faults.take("deliver", this.subject);
    if (fault?.action === "disconnect") this.#link.session.connection.socket.destroy();
    else if (fault?.action === "detach") this.close(errorOf(fault));
    else if (fault?.action === "delay") setTimeout(this.#wake, fault.delayMs).unref();
    return fault !== undefined;
  }

  /** Whether anything went out; the session's window, which a flow opens again, may stop it. */
  #sendSome(cursor: LogCursor, writer: TransferWriter): boolean {
    const { log } = this.partition;
    let sent = false;
    let bytes = 0;
    for (let turn = 0; turn < TURN_EVENTS && bytes < TURN_BYTES && this.#link.credit > 0; turn++) {
      const event = log.peek(cursor);
      if (event === undefined) break;
      const message = this.#runtimeMetrics ? withRuntimeMetrics(event, log, Date.now()) : event.message;
      if (writer.window < writer.framesFor(message.length)) break;
      writer.add(message);
      log.advance(cursor);
      bytes += message.length;
      sent = true;
    }
    writer.flush();
    return sent;
  }

  #drained(): void {
    this.#link.set_drained(true);
    this.#link.session.connection._register();
  }

  disconnect(error: ServiceError): void {
    this.close(error);
  }

  close(error: ServiceError): void {
    this.stop();
    this.#link.close(amqpError(error, ""));
  }

  /** The link is gone, or about to be. */
  stop(): void {
    this.#closed = true;
    this.#link.session.connection.socket.removeListener("drain", this.#wake);
    this.partition.stopWaiting(this.#wake);
    this.partition.readersOf(this.group).leave(this);
  }
}
