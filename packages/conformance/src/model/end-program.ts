import { deadLetterOf } from "@waybill/core";
import type { ClientSet } from "./client-set.ts";
import { consumerOf } from "./contracts.ts";
import { closeGraceMs, driverGraceMs, healingMs } from "./limits.ts";
import type { DestinationName } from "./program.ts";
import { place } from "./receiver.ts";
import type { SystemParts } from "./system-parts.ts";

/** All is well from here on: everything must come to its end in bounded time, and leave nothing behind. */
export async function endProgram(parts: SystemParts, clients: ClientSet): Promise<void> {
  const { broker, healed, deadlines, model, time } = parts;
  broker.start();
  healed.abort();
  for (const client of clients.all) client.disturbance.heal();
  for (const { member } of clients.members) {
    member.isPaused = false;
    member.subscription?.resume();
  }
  await deadlines.allEnd(healingMs);
  for (const { member } of clients.members) {
    member.isPaused = false;
    member.subscription?.resume();
  }
  for (const receiver of model.receivers) {
    const isServed = clients.members.some(({ member }) => member.receiver === receiver && !member.isClosing);
    if (isServed) continue;
    const joined = clients.at(0).join(receiver, { concurrency: 5, prefetch: undefined });
    deadlines.begun(`the last subscription to ${place(receiver)} begins`, healingMs, joined);
  }
  await deadlines.allEnd(healingMs);
  const isDone = () => model.unfinished().length === 0 && unsettled(parts).length === 0;
  if (!(await time.pass(healingMs, isDone)))
    model.violated("G2", [...model.unfinished(), ...unsettled(parts)].join("; "));
  checkDeadLettered(parts);
  await closeAll(parts, clients);
}

/** What was given up and not brought back is still there. */
function checkDeadLettered({ model, contracts, broker }: SystemParts): void {
  for (const receiver of model.receivers) {
    const contract = contracts.named(receiver.to as DestinationName);
    const there = broker.unsettled(deadLetterOf(consumerOf(contract, receiver.group)).name, undefined);
    const left = [...receiver.receptions.values()].filter((each) => each.deadLettered > each.redriven).length;
    if (there < left)
      model.violated("G5", `of ${left} dead-lettered messages of ${place(receiver)} ${there} are there`);
  }
}

async function closeAll({ time, settings, model }: SystemParts, clients: ClientSet): Promise<void> {
  const closed = Promise.all(clients.current.map(async ({ client }) => client?.close()));
  let isClosed = false;
  void closed.then(() => {
    isClosed = true;
  });
  if (!(await time.pass(settings.drainTimeoutMs + closeGraceMs, () => isClosed)))
    return model.violated("G9", "a client does not close");
  const { all } = clients;
  // A driver that is slow to connect or to close has its grace.
  await time.pass(driverGraceMs, () => all.every(({ clock }) => time.timers(clock) === 0));
  for (const { clock, number } of all) {
    const timers = time.timers(clock);
    if (timers > 0) model.violated("G9", `client ${number} left ${timers} timers behind`);
  }
}

function unsettled({ model, broker }: SystemParts): string[] {
  return model.receivers
    .map((receiver) => ({ receiver, left: broker.unsettled(receiver.to, receiver.group) }))
    .filter(({ left }) => left > 0)
    .map(({ receiver, left }) => `the broker still has ${left} of ${place(receiver)}`);
}
