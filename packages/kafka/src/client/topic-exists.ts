import { errorType } from "../errors.ts";
import type { ClusterConnections } from "./kafka-client.ts";

/** Whether a topic is there, for those who can do without it. */
export async function topicExists(connections: ClusterConnections, topic: string): Promise<boolean> {
  try {
    await connections.leaders(topic, true);
    return true;
  } catch (cause) {
    if (errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION") return false;
    throw cause;
  }
}
