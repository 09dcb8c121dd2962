/**
 * A process that consumes a queue, to be killed in the middle of it. Run by
 * `startWorker`; it does what its `Task` says and reports over the IPC channel.
 */
import { type Adapter, connect, queue } from "@waybill/core";
import type { Report, Task } from "./task.ts";

const task = JSON.parse(process.argv[2] ?? "{}") as Task;
/** Resolves when the parent's end of the channel has it, which a SIGKILL right after does not undo. */
const report = (message: Report) => new Promise((resolve) => process.send?.(message, resolve));
const never = () => new Promise<never>(() => setInterval(() => undefined, 60_000));

async function main(): Promise<void> {
  const { adapter } = (await import(task.reach.module)) as { readonly adapter: Adapter };
  const client = await connect(task.reach.href, { adapters: [adapter], requires: [] });
  process.once("SIGTERM", async () => {
    await client.close();
    await report({ event: "closed" });
    // No `process.exit`: that the process ends by itself is part of the proof.
    process.disconnect?.();
  });

  const { handler, concurrency, prefetch, attempts } = task;
  if (handler === "answer") await answer(task);
  else {
    const contract = queue<unknown>(task.queue, task.ordered ? { key: keyOf } : {});
    const backoff = { initialMs: 50, maxMs: 50, jitter: 0 };
    const retry = attempts === undefined ? {} : { retry: { maxAttempts: attempts, backoff } };
    await client.consume(contract, { concurrency, prefetch, ...retry }, async (value, { attempt }) => {
      await report({ event: "started", value, attempt });
      if (handler === "die") process.kill(process.pid, "SIGKILL");
      if (handler === "hang" || handler === "die") await never();
      else await new Promise((resolve) => setTimeout(resolve, handler.takesMs));
      // Before the ack, so that what is acked is known to be finished.
      await report({ event: "finished", value });
    });
  }
  await report({ event: "ready" });
}

async function answer({ reach, queue: name, concurrency }: Task): Promise<void> {
  const { adapter } = (await import(reach.module)) as { readonly adapter: Adapter };
  const client = await connect(reach.href, { adapters: [adapter], requires: ["requestReply"] });
  const contract = queue<unknown, unknown, unknown>(name, { reply: {} });
  await client.respond(contract, { concurrency }, (value) => ({ value, pid: process.pid }));
}

const keyOf = (value: unknown) => (value as { readonly k: string }).k;

main().catch(async (error: unknown) => {
  await report({ event: "failed", message: String(error) });
  process.exitCode = 1;
  process.disconnect?.();
});
