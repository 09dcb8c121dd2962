import type { Endpoint } from "../network/endpoint.ts";
import { httpExchange } from "../network/http.ts";
import type { Probe } from "../network/probe.ts";

const listQueues = {
  method: "POST",
  path: "/",
  headers: {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "AmazonSQS.ListQueues",
    // Emulators want to see one, and check nothing in it.
    authorization:
      "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
  },
  body: '{"MaxResults":1}',
} as const;

/** Asks for a list of queues, in the JSON protocol of SQS. A refusal in that protocol is an answer too. */
export async function probeSnsSqs(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await httpExchange(endpoint, listQueues, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  if (answer.kind === "strange" || !isFromSqs(answer.status, answer.body)) {
    return { kind: "other", reason: "it does not answer as SQS does" };
  }
  return { kind: "speaks", version: null, ready: answer.status < 500 };
}

/** Queues where there are some, an empty object where there are none, an error with its type where it refuses. */
function isFromSqs(status: number, body: string): boolean {
  try {
    const answer: unknown = JSON.parse(body);
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return false;
    if ("QueueUrls" in answer || "__type" in answer) return true;
    return status === 200 && Object.keys(answer).length === 0;
  } catch {
    return false;
  }
}
