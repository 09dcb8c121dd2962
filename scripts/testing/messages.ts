import type { ReceivedMessage, WireMessage } from "@waybill/core/spi";

let made = 0;

/** What is said of a message to be made; the rest is plain. */
export type MessageFields = Partial<Omit<WireMessage, "body">> & { readonly body?: string | Uint8Array };

/** A message as core hands it to a driver, unlike any other. */
export function message(fields: MessageFields = {}): WireMessage {
  const number = ++made;
  const { body = `body ${number}`, ...rest } = fields;
  return {
    id: `m-${number}`,
    publishToken: `t-${number}`,
    body: typeof body === "string" ? Buffer.from(body) : body,
    contentType: "text/plain",
    key: undefined,
    timestamp: Date.now(),
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    ...rest,
  };
}

/** So many messages. `fields` are made from the index. */
export function messages(count: number, fields?: (index: number) => MessageFields): readonly WireMessage[] {
  return Array.from({ length: count }, (_, index) => message(fields?.(index)));
}

export function ids(of: readonly { readonly id: string }[]): string[] {
  return of.map(({ id }) => id);
}

export function text({ body }: Pick<ReceivedMessage, "body">): string {
  return new TextDecoder().decode(body);
}

export function texts(deliveries: readonly ReceivedMessage[]): string[] {
  return deliveries.map(text);
}
