import { MessagingError, type PublishOptions } from "@waybill/core";
import { numberHeader } from "./broker-listener.ts";
import type { Numbered, NumberedContract } from "./contracts.ts";
import type { ModelClient } from "./model-client.ts";
import type { Command } from "./program.ts";
import type { Sent } from "./sent.ts";
import type { SystemParts } from "./system-parts.ts";

type Options = PublishOptions<"delay" | "ttl">;

/** Publishes what the command says, and does not wait for it. */
export function publish(
  parts: SystemParts,
  client: ModelClient,
  command: Command & { readonly do: "publish" },
): void {
  const { model, contracts, settings, deadlines } = parts;
  const contract = contracts.at(command.to, settings);
  const { count, ttlMs, outcomes } = command;
  const delayMs = contract.ordered ? 0 : command.delayMs;
  const key = contract.ordered && command.key !== undefined ? `k${command.key}` : undefined;
  for (let i = 0; i < count; i++) {
    if (client.client === undefined || client.isClosing) return;
    const sent = model.publishes({
      to: contract.name,
      ordered: contract.ordered,
      key,
      publisher: client.number,
      delayMs,
      ttlMs,
      outcomes: i % 2 === 0 ? outcomes : outcomes.slice(1),
    });
    const options: Options = {
      headers: { [numberHeader]: String(sent.number) },
      ...(delayMs === 0 ? {} : { delayMs }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    };
    deadlines.begun(
      `the publish of #${sent.number}`,
      60_000,
      publishOne(parts, client, contract, sent, options),
    );
  }
}

async function publishOne(
  { model, log }: SystemParts,
  { client, number }: ModelClient,
  contract: NumberedContract,
  sent: Sent,
  options: Options,
): Promise<void> {
  const value: Numbered = { n: sent.number, k: sent.key };
  try {
    if (contract.kind === "topic") await client?.publish(contract, value, options);
    else await client?.send(contract, value, options);
    model.confirmed(sent);
  } catch (error) {
    sent.outcome = "failed";
    log(`client ${number} could not publish #${sent.number}: ${String(error)}`);
    if (!MessagingError.isInstance(error)) model.violated("errors", `publish rejected with ${String(error)}`);
  }
}
