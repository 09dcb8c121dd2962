import { createHash } from "node:crypto";
import { type Answer, type Asked, json } from "./recorded.ts";

/**
 * Answers of AWS, in the form of the sample responses of the API references: SQS in
 * AWS JSON 1.0 (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/,
 * each action's "Examples", and CommonErrors.html), SNS in XML
 * (https://docs.aws.amazon.com/sns/latest/api/, likewise).
 */

export interface Refusal {
  readonly Id: string;
  readonly Code: string;
  readonly SenderFault: boolean;
  readonly Message?: string;
}

/** SendMessageBatch, DeleteMessageBatch, ChangeMessageVisibilityBatch: all entries but these succeed. */
export function batch({ input }: Asked, ...Failed: readonly Refusal[]): Answer {
  const refused = new Set(Failed.map(({ Id }) => Id));
  const Successful = (input.Entries as readonly { readonly Id: string; readonly MessageBody?: string }[])
    .filter(({ Id }) => !refused.has(Id))
    .map(({ Id, MessageBody }) => ({
      Id,
      ...(MessageBody === undefined
        ? {}
        : { MessageId: `message-${Id}`, MD5OfMessageBody: md5(MessageBody) }),
    }));
  return json({ Successful, Failed });
}

/** An error of SQS: its name twice, in the body for the new protocol and in a header for those who know the old one. */
export function sqsError(status: number, name: string, message: string, oldName?: string): Answer {
  return {
    status,
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${name}`, message }),
    headers: {
      "content-type": "application/x-amz-json-1.0",
      ...(oldName === undefined ? {} : { "x-amzn-query-error": `${oldName};Sender` }),
    },
  };
}

/** PublishBatch: so many entries, all of which succeed but these. */
export function published(count: number, ...Failed: readonly Refusal[]): Answer {
  const refused = new Set(Failed.map(({ Id }) => Id));
  const good = Array.from({ length: count }, (_, id) => String(id)).filter((id) => !refused.has(id));
  return xml(`<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>
    <Failed>${Failed.map(
      ({ Id, Code, SenderFault, Message = "" }) =>
        `<member><Id>${Id}</Id><Code>${Code}</Code><Message>${Message}</Message><SenderFault>${SenderFault}</SenderFault></member>`,
    ).join("")}</Failed>
    <Successful>${good.map((id) => `<member><Id>${id}</Id><MessageId>message-${id}</MessageId></member>`).join("")}</Successful>
  </PublishBatchResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishBatchResponse>`);
}

/** An error of SNS. */
export function snsError(status: number, code: string, message: string): Answer {
  return {
    ...xml(`<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>
      <Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>
      <RequestId>r</RequestId></ErrorResponse>`),
    status,
  };
}

/** GetTopicAttributes of a topic that is there. */
export function topicAttributes(): Answer {
  return xml(`<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
    <GetTopicAttributesResult><Attributes/></GetTopicAttributesResult></GetTopicAttributesResponse>`);
}

/** What an entry that was sent says in the attribute `waybill`. */
export function metadataIn(entry: {
  readonly MessageAttributes: { readonly waybill: { readonly StringValue: string } };
}) {
  return JSON.parse(decodeURIComponent(entry.MessageAttributes.waybill.StringValue));
}

export interface Received {
  readonly body: string;
  readonly md5?: string;
  readonly group?: string;
  readonly receipts?: number;
  /** What SQS says of it besides. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** What the attribute `waybill` says. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** ReceiveMessage with these. */
export function received(...messages: readonly Received[]): Answer {
  return json({
    Messages: messages.map(({ body, md5: checksum = md5(body), group, receipts = 1, ...rest }, index) => ({
      MessageId: `message-${body}`,
      ReceiptHandle: `receipt-${body}`,
      Body: body,
      MD5OfBody: checksum,
      Attributes: {
        SentTimestamp: `${1_700_000_000_000 + index}`,
        ApproximateReceiveCount: String(receipts),
        ...(group === undefined ? {} : { MessageGroupId: group }),
        ...rest.attributes,
      },
      ...(rest.metadata === undefined
        ? {}
        : {
            MessageAttributes: {
              waybill: { DataType: "String", StringValue: JSON.stringify(rest.metadata) },
            },
          }),
    })),
  });
}

function xml(body: string): Answer {
  return { body: `<?xml version="1.0"?>${body}`, headers: { "content-type": "text/xml" } };
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
