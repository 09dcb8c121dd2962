import type { ReceivedMessage, WireMessage } from "../src/spi/message.ts";
import type { Script } from "./scripted-driver.ts";
import { delivery } from "./workbench.ts";

/** A dead-letter queue of a scripted broker, as those see it who look into it. */
export class ScriptedDeadLetterQueue {
  /** What is in it. */
  copies: ReceivedMessage[] = [];
  /** What the broker says of how many there are; by default the truth. `false`: nothing. */
  told: number | false | undefined;
  /** Looks so far. */
  looks = 0;
  /** What a look ends with. */
  failure: unknown;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** To be part of a script. */
  get script(): Pick<Script, "inspect" | "consume" | "publish"> {
    return {
      inspect: ({ name }) => {
        if (name !== this.#name || this.told === false) return {};
        return { backlog: this.told ?? this.copies.length };
      },
      consume: (consumer) => {
        if (consumer.source.address.name !== this.#name) return;
        this.looks++;
        if (this.failure !== undefined) throw this.failure;
        consumer.deliver(...this.copies);
      },
      publish: (batch, { name }) => {
        if (name === this.#name) this.copies.push(...batch.map(received));
        return undefined;
      },
    };
  }
}

/** What was published, as it is received. */
function received(message: WireMessage): ReceivedMessage {
  const { delayMs: _delay, publishToken: _token, ...rest } = message;
  return delivery(undefined, rest);
}

/** A dead-lettered copy, as a redrive brings it back. */
export function redriven(copy: ReceivedMessage, run = "run-0001"): ReceivedMessage {
  const headers = Object.fromEntries(
    Object.entries(copy.headers).filter(([name]) => !name.startsWith("waybill-")),
  );
  return {
    ...copy,
    key: copy.headers["waybill-dead-key"],
    headers: { ...headers, "waybill-redrive-run": run },
  };
}
