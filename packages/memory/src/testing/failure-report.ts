import type { DeliveryQueue } from "../broker/delivery-queue.ts";
import type { DeadLettered, Handled, Published } from "./observed.ts";

/** What a failed assertion tells of what did happen, a line each. */
export function failureReport(
  source: string,
  published: readonly Published[],
  handled: readonly Handled[],
  dead: readonly DeadLettered[],
  queues: Iterable<DeliveryQueue>,
): string {
  const ofSource = ({ source: other }: Published) => other === source;
  const sent = published.filter(ofSource);
  const lines = [`published: ${list(sent)}`];
  if (sent.length === 0) {
    const others = [...new Set(published.map((message) => `"${message.source}"`))];
    if (others.length > 0) lines.push(`published elsewhere: ${others.join(", ")}`);
  }
  for (const [group, messages] of Map.groupBy(handled.filter(ofSource), (message) => message.group)) {
    lines.push(`handled${by(group)}: ${list(messages)}`);
  }
  for (const message of dead.filter(ofSource)) {
    const why = `${message.errorCode}: ${message.errorMessage}`;
    lines.push(`dead-lettered${by(message.group)}: ${show(message)} at attempt ${message.attempts}, ${why}`);
  }
  for (const queue of queues) if (queue.nature.title.includes(`"${source}"`)) lines.push(state(queue));
  return lines.map((line) => `\n  ${line}`).join("");
}

/** How a queue stands. */
export function state({ nature, backlog, held, members }: DeliveryQueue): string {
  return `${nature.title}: ${backlog} waiting, ${held} in flight, ${members.size} consuming`;
}

export function by(group: string | undefined): string {
  return group === undefined ? "" : ` by "${group}"`;
}

function list(messages: readonly Published[]): string {
  if (messages.length === 0) return "nothing";
  const shown = messages.slice(0, 10).map(show).join(", ");
  return messages.length > 10 ? `${shown} and ${messages.length - 10} more` : shown;
}

function show({ value }: Published): string {
  const text = value instanceof Uint8Array ? `${value.byteLength} bytes` : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
