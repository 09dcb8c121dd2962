import type { WireMessage } from "@waybill/core/spi";

let made = 0;

export function message(fields: Partial<WireMessage> = {}): WireMessage {
  return {
    id: `m-${++made}`,
    body: Buffer.from(`body ${made}`),
    contentType: "text/plain",
    key: undefined,
    timestamp: Date.now(),
    headers: {},
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    ...fields,
  };
}

export const messages = (count: number): WireMessage[] => Array.from({ length: count }, () => message());
