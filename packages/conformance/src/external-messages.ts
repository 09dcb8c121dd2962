import type { Address } from "@waybill/core/spi";
import type { ExternalClient, ExternalListener, ExternalMessage } from "./target.ts";

/** How long the next message may take, in milliseconds. */
const nextTimeoutMs = 10_000;

/** What an external client reads, one after the other, whether its vendor pushes messages or has them asked for. */
export class ExternalMessages {
  readonly #arrived: ExternalMessage[] = [];
  readonly #waiting: (() => void)[] = [];
  #listener: ExternalListener | undefined;

  /** Resolves once nothing that is published from now on would be missed. */
  static async of(client: ExternalClient, from: Address): Promise<ExternalMessages> {
    const messages = new ExternalMessages();
    messages.#listener = await client.listen(from, (message) => {
      messages.#arrived.push(message);
      messages.#waiting.shift()?.();
    });
    return messages;
  }

  async next(): Promise<ExternalMessage> {
    if (this.#listener?.next !== undefined) return this.#listener.next();
    if (this.#arrived.length === 0) await this.#arrival();
    return this.#arrived.shift() as ExternalMessage;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
  }

  #arrival(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No message came within ${nextTimeoutMs} ms.`)),
        nextTimeoutMs,
      );
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
