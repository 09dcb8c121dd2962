import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SettleOutcome } from "@waybill/core/spi";
import { failuresIn, tens } from "../client/batches.ts";
import type { SnsSqsDelivery } from "../delivery.ts";
import { saysLost } from "../errors.ts";

/** What SQS is to do with a delivery. */
export interface SettlementRequest {
  /** Where its outcome belongs. */
  readonly index: number;
  readonly delivery: SnsSqsDelivery;
  /** For how long it is to be invisible; `undefined` to delete it. */
  readonly seconds: number | undefined;
}

/** Settles and renews the messages of one queue, ten a request. */
export class SettlementRequests {
  readonly #sqs: SQSClient;
  readonly #url: string;

  constructor(sqs: SQSClient, url: string) {
    this.#sqs = sqs;
    this.#url = url;
  }

  /** All at once; what became of each goes to its place in `outcomes`, where "settled" stands before. Never rejects. */
  async send(requests: readonly SettlementRequest[], outcomes: SettleOutcome[]): Promise<void> {
    const deletions = requests.filter(({ seconds }) => seconds === undefined);
    const others = requests.filter(({ seconds }) => seconds !== undefined);
    const sendRun = (run: readonly SettlementRequest[]) => this.#sendRun(run, outcomes);
    await Promise.all([...tens(deletions).map(sendRun), ...tens(others).map(sendRun)]);
  }

  async #sendRun(run: readonly SettlementRequest[], outcomes: SettleOutcome[]): Promise<void> {
    try {
      const failures = failuresIn(await this.#request(run), run.length);
      for (let place = 0; place < run.length; place++) {
        const cause = failures[place];
        if (cause !== undefined)
          outcomes[(run[place] as SettlementRequest).index] = saysLost(cause) ? "lost" : { cause };
      }
    } catch (cause) {
      for (const { index } of run) outcomes[index] = { cause };
    }
  }

  /** All of a run are deletions, or none. */
  #request(run: readonly SettlementRequest[]) {
    const QueueUrl = this.#url;
    const entries = run.map(({ delivery }, place) => ({
      Id: String(place),
      ReceiptHandle: delivery.receipt,
    }));
    if (run[0]?.seconds === undefined) {
      return this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: entries }));
    }
    const Entries = entries.map((entry, place) => ({ ...entry, VisibilityTimeout: run[place]?.seconds }));
    return this.#sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
  }
}
