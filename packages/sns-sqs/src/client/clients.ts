import { SNSClient } from "@aws-sdk/client-sns";
import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import type { Settings } from "../options.ts";
import { ServerTime } from "./server-time.ts";

/** Beyond its own wait, how long a long poll may take before it is given up, in milliseconds. */
const pollGraceMs = 5_000;

/**
 * The SDK's clients. Long polls hold their sockets for seconds, so receiving has a
 * client of its own, and sends never wait behind it.
 */
export interface Clients {
  readonly sns: SNSClient;
  /** Sends and settles. */
  readonly sqs: SQSClient;
  /** Long polls, and looking after queues. */
  readonly receiving: SQSClient;
  /** What a user may want: the clients for sending. */
  readonly native: { readonly sqs: SQSClient; readonly sns: SNSClient };
  readonly time: ServerTime;
  destroy(): void;
}

export function createClients(settings: Settings): Clients {
  const { waitSeconds, responseTimeoutMs, sqsClient, snsClient } = settings;
  // Core sends again by itself, in order, what failed; the SDK would do it out of sight.
  const sending = configuration(settings, responseTimeoutMs, 1);
  const own: { destroy(): void }[] = [];
  const kept = <C extends { destroy(): void }>(client: C): C => {
    own.push(client);
    return client;
  };
  const sqs = sqsClient ?? kept(new SQSClient(sending));
  const polling = configuration(settings, waitSeconds * 1_000 + pollGraceMs, 3);
  const receiving = sqsClient ?? kept(new SQSClient(polling));
  const sns = snsClient ?? kept(new SNSClient(sending));
  const time = new ServerTime();
  for (const client of new Set([sqs, receiving])) time.follow(client);
  return {
    sns,
    sqs,
    time,
    receiving,
    native: { sqs, sns },
    destroy: () => {
      for (const client of own) client.destroy();
    },
  };
}

function configuration(settings: Settings, requestTimeout: number, maxAttempts: number): SQSClientConfig {
  const { region, endpoint, accessKeyId, secretAccessKey, sessionToken, credentials } = settings;
  const keys =
    accessKeyId === undefined || secretAccessKey === undefined
      ? credentials
      : { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
  const agent = { keepAlive: true, maxSockets: settings.sockets };
  return {
    customUserAgent: "waybill",
    maxAttempts,
    // Checked for each message on receipt, since the SDK would fail all of a batch for one.
    md5: false,
    requestHandler: {
      connectionTimeout: settings.connectTimeoutMs,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(keys === undefined ? {} : { credentials: keys }),
    ...settings.client,
  };
}
