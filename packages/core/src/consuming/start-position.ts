import type { AnyTopic } from "../api/contract.ts";
import type { Start } from "../api/subscriber.ts";
import { MessagingError, UnsupportedError } from "../errors/messaging-error.ts";
import type { StartPosition } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";

/** Reads `start`, and refuses what the broker or the contract does not keep. */
export function startPosition(
  start: Start | undefined,
  topic: AnyTopic,
  feature: "replay" | "groupStart",
  driver: Driver,
): StartPosition {
  const position = parse(start);
  if (position.from === "latest") return position;
  const support = driver.capabilities.features[feature];
  if (support === undefined || !support.from.includes(position.from)) {
    throw new UnsupportedError(
      `\`start\` at ${position.from} for ${feature === "replay" ? "a broadcast" : "a new group"}`,
      driver.name,
      "Start at the latest.",
    );
  }
  if (!topic.retained) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `"${topic.name}" does not keep messages for those who come late.`,
      {
        remedy: "Give its contract `retained: true`.",
      },
    );
  }
  return position;
}

function parse(start: Start | undefined): StartPosition {
  if (start === undefined || start === "latest") return { from: "latest" };
  if (start === "earliest") return { from: "earliest" };
  if (typeof start === "object" && start !== null) {
    if ("time" in start) {
      const timestamp = Number(start.time);
      if (Number.isFinite(timestamp)) return { from: "time", timestamp };
    } else if ("position" in start && typeof start.position === "string" && start.position !== "") {
      return { from: "position", position: start.position };
    }
  }
  throw new MessagingError("INVALID_ARGUMENT", "`start` cannot be read.", {
    remedy: 'Use "latest", "earliest", { time } or { position }.',
  });
}
