import { HttpResponse } from "@smithy/protocol-http";
import type { Connection } from "@waybill/core/spi";
import { call } from "../../../scripts/testing/workbench.ts";
import { type SnsSqsOptions, snsSqs } from "../src/index.ts";

/** What the SDK hands to its transport, as far as it is looked at here. */
interface Request {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** An answer of AWS as it comes over the wire. */
export interface Answer {
  readonly status?: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as AWS reads it: the action, and its parameters. */
export interface Asked {
  readonly action: string;
  // biome-ignore lint/suspicious/noExplicitAny: the parameters of any action
  readonly input: any;
}

type Script = (asked: Asked) => Answer | Error | Promise<Answer | Error>;

/**
 * Takes the place of the SDK's transport: answers every request from a script, with
 * answers as AWS sends them. SQS speaks AWS JSON 1.0, SNS the query protocol and XML.
 */
export class Recorded {
  readonly asked: Asked[] = [];
  /** Requests that the SDK broke off. */
  aborted = 0;
  readonly #script: Script;
  readonly #everyQueue: boolean;

  /** @param everyQueue Whether every queue that is asked for is there; otherwise the script answers that too. */
  constructor(script: Script, everyQueue = true) {
    this.#script = script;
    this.#everyQueue = everyQueue;
  }

  of(action: string): readonly Asked[] {
    return this.asked.filter((each) => each.action === action);
  }

  async handle(request: Request, options: { readonly abortSignal?: AbortSignal } = {}) {
    const asked = read(request);
    this.asked.push(asked);
    options.abortSignal?.addEventListener("abort", () => this.aborted++);
    const answer =
      this.#everyQueue && asked.action === "GetQueueUrl"
        ? queueUrl(asked.input.QueueName)
        : await this.#script(asked);
    if (answer instanceof Error) throw answer;
    const { status = 200, body, headers = {} } = answer;
    return {
      response: new HttpResponse({ statusCode: status, headers: { ...headers }, body: Buffer.from(body) }),
    };
  }

  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): object {
    return {};
  }
  destroy(): void {}

  /** A connection on this transport. */
  async connect(options: SnsSqsOptions = {}, reports: unknown[] = []): Promise<Connection> {
    const driver = snsSqs({
      region: "eu-central-1",
      accessKeyId: "AKIAEXAMPLE",
      secretAccessKey: "secret",
      accountId: "123456789012",
      // biome-ignore lint/suspicious/noExplicitAny: a transport is a class of the SDK's own
      client: { requestHandler: this as any },
      ...options,
    });
    return driver.connect({ lost: () => {}, report: (cause) => void reports.push(cause) }, call);
  }
}

function read({ headers, body }: Request): Asked {
  const text = typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array);
  const target = headers["x-amz-target"];
  if (target !== undefined) {
    return { action: target.slice(target.indexOf(".") + 1), input: JSON.parse(text) };
  }
  const input = Object.fromEntries(new URLSearchParams(text));
  return { action: input.Action ?? "", input };
}

function queueUrl(name: string): Answer {
  return json({ QueueUrl: `https://sqs.eu-central-1.amazonaws.com/123456789012/${name}` });
}

export function json(body: object): Answer {
  return { body: JSON.stringify(body), headers: { "content-type": "application/x-amz-json-1.0" } };
}
