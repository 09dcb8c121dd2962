import {
  type Address,
  deadLetterHeaders,
  type Headers,
  type PublishOutcome,
  type Settlement,
  type WireMessage,
} from "@waybill/core/spi";
import { askedName } from "./ask.ts";
import type { Model } from "./model.ts";
import type { BrokerEvents } from "./model-broker.ts";
import { place } from "./receiver.ts";

/** The header that carries the number of a message through everything that is made of it. */
export const numberHeader = "n";
/** What core writes on a retry that it publishes. */
const attemptHeader = "waybill-attempt";

/** Hears from the broker what it stores and what is acked, and tells the model what that means. */
export class BrokerListener implements BrokerEvents {
  readonly model: Model;
  readonly #log: (what: string) => void;
  /** What is published once more under the same token is the same. */
  readonly #tokens = new Set<string>();

  constructor(model: Model, log: (what: string) => void) {
    this.model = model;
    this.#log = log;
  }

  readonly published = (
    to: Address,
    batch: readonly WireMessage[],
    outcomes: readonly PublishOutcome[],
  ): void => {
    batch.forEach((message, index) => {
      if (outcomes[index]?.ok === true && to.kind !== "inbox" && !to.name.startsWith(askedName))
        this.#stored(to.name, to.group, message);
    });
  };

  readonly settled = (from: Address, { delivery, outcome }: Settlement): void => {
    const receiver = this.model.receivers.find((each) => each.to === from.name && each.group === from.group);
    if (receiver !== undefined && outcome === "ack") this.model.acked(receiver, numberIn(delivery.headers));
  };

  #stored(to: string, group: string | undefined, { headers, publishToken }: WireMessage): void {
    const number = numberIn(headers);
    const source = headers[deadLetterHeaders.source];
    const isAgain = this.#tokens.has(publishToken);
    this.#tokens.add(publishToken);
    const receiver = this.model.receivers.find((each) => each.to === to && each.group === group);
    if (source !== undefined && receiver === undefined) {
      if (isAgain) return;
      const failedAt = this.model.receiver(source, headers[deadLetterHeaders.group]);
      const reception = this.model.reception(failedAt, number);
      // Redrives put back what they pass over.
      if (
        headers[deadLetterHeaders.redriveRun] !== undefined &&
        reception.deadLettered > reception.redriven
      ) {
        reception.mayBeAcked++;
        return;
      }
      const attempts = Number(headers[deadLetterHeaders.attempts]);
      const why = `${headers[deadLetterHeaders.errorCode]}: ${headers[deadLetterHeaders.errorMessage]}`;
      this.#log(`${place(failedAt)} dead-letters #${number} at attempt ${attempts}, ${why}`);
      return this.model.deadLettered(failedAt, number, attempts, why);
    }
    const sent = this.model.sent[number];
    if (sent === undefined)
      return this.model.violated("G13", `the broker got ${number}, which nobody published`);
    if (isAgain) return;
    if (headers[attemptHeader] !== undefined && receiver !== undefined) {
      this.model.reception(receiver, number).mayBeAcked++;
    } else if (sent.stored && receiver !== undefined) {
      this.#log(`${place(receiver)} has #${number} redriven`);
      this.model.redriven(receiver, number);
    } else sent.stored = true;
  }
}

function numberIn(headers: Headers): number {
  return Number(headers[numberHeader] ?? "-1");
}
