import { inboxPrefix, replyPartition } from "../naming.ts";
import type { KafkaPublisher } from "../publisher.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";

/** Here the owner gives signs of life, so that a sweep can tell a dead client's topic. */
const lifePartition = replyPartition + 1;
const partitions = lifePartition + 1;
/** A sweep is for tidiness; it must not keep a client busy. */
const sweepAtMost = 20;

/** Makes a client's reply topic, if it is not there. */
export async function makeInbox({ control, settings }: ConsumerContext, topic: string): Promise<void> {
  await control.createTopic({
    name: topic,
    partitions,
    replicationFactor: settings.replicationFactor,
    config: { "cleanup.policy": "delete", "retention.ms": String(settings.inboxIdleMs) },
  });
}

/** Shows that the owner of an inbox lives, until the returned function is called. */
export async function keepAlive(
  { settings, report }: ConsumerContext,
  publisher: KafkaPublisher,
  topic: string,
): Promise<() => void> {
  const sign = async () => {
    const record = { key: null, value: Buffer.alloc(0), timestamp: Date.now(), headers: [] };
    const [outcome] = await publisher.store(topic, [record], () => lifePartition);
    if (outcome !== undefined && !outcome.ok) report(outcome.cause);
  };
  await sign();
  const timer = setInterval(() => void sign(), settings.inboxIdleMs / 4);
  timer.unref();
  return () => clearInterval(timer);
}

/** Deletes reply topics whose owners have given no sign of life for long: they died without closing. */
export async function sweepInboxes({ control, settings }: ConsumerContext): Promise<void> {
  const names = await control.topicNames();
  const inboxes = names.filter((name) => name.startsWith(inboxPrefix));
  // Not always the same ones, should many be alive.
  const first = Math.floor(Math.random() * inboxes.length);
  const some = [...inboxes.slice(first), ...inboxes.slice(0, first)].slice(0, sweepAtMost);
  for (const name of some) {
    const life = [lifePartition];
    const end = (await control.listOffsets(name, life, "latest")).get(lifePartition) ?? 0;
    const recent =
      (await control.listOffsets(name, life, Date.now() - settings.inboxIdleMs)).get(lifePartition) ?? 0;
    // Without any sign yet it is being born.
    if (end > 0 && recent < 0) await control.deleteTopic(name);
  }
}
