/** A reply ready to be sent. */
export interface Reply {
  readonly inbox: string;
  readonly correlationId: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}
