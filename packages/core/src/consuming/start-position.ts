import type { AnyTopic } from "../api/contract.ts";
import type { Start } from "../api/subscriber.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
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
    checkOptionNames("start", start, "time" in start ? ["time"] : ["position"]);
    if ("time" in start) {
      const { time } = start;
      const timestamp = typeof time === "number" || time instanceof Date ? Number(time) : Number.NaN;
      if (Number.isFinite(timestamp)) return { from: "time", timestamp };
      throw invalidArgument("start.time", "a valid Date, or milliseconds since the epoch", time);
    }
    const { position } = start;
    if (typeof position === "string" && position !== "") return { from: "position", position };
    throw invalidArgument("start.position", "a non-empty string", position);
  }
  throw invalidArgument("start", '"latest", "earliest", { time } or { position }', start);
}
