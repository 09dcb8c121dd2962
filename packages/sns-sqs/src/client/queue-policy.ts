/** The statement by which a topic, and no other, may write to the queue of its group. Owners pass by IAM. */
function statement(queue: string, topic: string) {
  return {
    Sid: "WaybillTopic",
    Effect: "Allow",
    Principal: { Service: "sns.amazonaws.com" },
    Action: "sqs:SendMessage",
    Resource: queue,
    Condition: { ArnEquals: { "aws:SourceArn": topic } },
  };
}

export function policyFor(queue: string, topic: string): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [statement(queue, topic)] });
}

/** Whether an existing policy names the topic as one that may send, in our words or its owner's. */
export function allows(policy: string | undefined, topic: string): boolean {
  return statementsOf(policy).some(
    (each) =>
      JSON.stringify(each).includes(JSON.stringify(topic)) &&
      (each as { Effect?: unknown }).Effect === "Allow",
  );
}

/** The policy with the topic added to it; everything else stays. */
export function withStatementFor(policy: string | undefined, queue: string, topic: string): string {
  const others = statementsOf(policy).filter((each) => (each as { Sid?: unknown }).Sid !== "WaybillTopic");
  return JSON.stringify({ Version: "2012-10-17", Statement: [...others, statement(queue, topic)] });
}

function statementsOf(policy: string | undefined): readonly object[] {
  if (policy === undefined || policy === "") return [];
  const { Statement } = JSON.parse(policy) as { readonly Statement?: object | readonly object[] };
  return Statement === undefined ? [] : Array.isArray(Statement) ? Statement : [Statement as object];
}
