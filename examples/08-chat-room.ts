// A chat room: broadcast, where every subscription gets every message and leaves nothing behind.
import { connect, topic } from "@waybill/core";
import { scratch } from "./scratch.ts";
import { until } from "./until.ts";

const Said = topic<{ who: string; what: string }>("chat.said");

await using client = await connect(process.env.BROKER_URL ?? "memory:", {
  ...scratch,
  requires: ["broadcast"],
});

async function enter(who: string) {
  const screen: string[] = [];
  const subscription = await client.subscribe(Said, { broadcast: true }, (line) => {
    screen.push(`${line.who}: ${line.what}`);
  });
  const say = (what: string) => client.publish(Said, { who, what });
  return { screen, say, leave: () => subscription.close() };
}

const ada = await enter("Ada");
await ada.say("anybody here?");
await until("Ada reads herself", () => ada.screen.length === 1);

const bob = await enter("Bob"); // Late: what was said before is not for him.
await bob.say("just came in");
await until("both read Bob", () => ada.screen.length === 2 && bob.screen.length === 1);

await bob.leave();
await ada.say("and he is gone");
await until("Ada reads on", () => ada.screen.length === 3);

console.log(`Ada's screen: ${ada.screen.join(" | ")}`);
console.log(`Bob's screen: ${bob.screen.join(" | ")}`);

await ada.leave();
await client.topology.remove(Said);
