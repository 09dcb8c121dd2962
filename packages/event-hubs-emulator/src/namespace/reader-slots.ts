import { CONDITION, ServiceError } from "./service-error.ts";

/** Readers without an owner level that may read one partition in one consumer group. */
const MAX_READERS = 5;

/** A receiver, as far as the others on its partition and group are concerned. */
export interface Reader {
  readonly name: string;
  /** The owner level (epoch), or undefined for a reader that claims nothing. */
  readonly epoch: number | undefined;
  disconnect(error: ServiceError): void;
}

/**
 * Who reads a partition in one consumer group. A reader with an owner level is
 * alone: it puts out every reader without one, and any with the same or a lower
 * level; the one with the highest level stays.
 */
export class ReaderSlots {
  readonly #readers = new Set<Reader>();

  /** Lets a reader in, or throws. */
  admit(reader: Reader): void {
    const owner = this.#owner();
    if (reader.epoch === undefined) this.#admitWithoutEpoch(owner);
    else this.#admitWithEpoch(reader.name, reader.epoch, owner);
    this.#readers.add(reader);
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader);
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0;
  }

  #owner(): Reader | undefined {
    for (const reader of this.#readers) if (reader.epoch !== undefined) return reader;
    return undefined;
  }

  #admitWithoutEpoch(owner: Reader | undefined): void {
    if (owner !== undefined) {
      throw new ServiceError(
        CONDITION.stolen,
        `At least one receiver for the endpoint is created with epoch of '${owner.epoch}', and so non-epoch receiver is not allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.`,
      );
    }
    if (this.#readers.size >= MAX_READERS) {
      throw new ServiceError(
        CONDITION.quota,
        `Exceeded the maximum number of allowed receivers per partition in a consumer group which is ${MAX_READERS}.`,
      );
    }
  }

  #admitWithEpoch(name: string, epoch: number, owner: Reader | undefined): void {
    if (owner?.epoch !== undefined && owner.epoch > epoch) {
      throw new ServiceError(
        CONDITION.stolen,
        `Receiver '${owner.name}' with a higher epoch '${owner.epoch}' already exists. Receiver '${name}' with epoch ${epoch} cannot be created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, or ensure all old epoch receivers are closed or disconnected.`,
      );
    }
    for (const reader of this.#readers) {
      this.#readers.delete(reader);
      reader.disconnect(
        new ServiceError(
          CONDITION.stolen,
          `New receiver '${name}' with higher epoch of '${epoch}' is created hence current receiver '${reader.name}' with epoch '${reader.epoch ?? "nil"}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch is used.`,
        ),
      );
    }
  }
}
