import { Redis } from "ioredis";
import { body, type Contestant, freshName, Span } from "../contestant.ts";

/** ioredis by hand: pipelined XADD, XREADGROUP of a thousand, one XACK for all of them. */
export async function raw(url: string): Promise<Contestant> {
  const redis = new Redis(url);
  const reader = new Redis(url);
  const stream = freshName();
  await redis.xgroup("CREATE", stream, "bench", "$", "MKSTREAM");
  const value = Buffer.from(body);

  return {
    async publishOneByOne(count) {
      for (let i = 0; i < count; i++) await redis.xadd(stream, "*", "body", value);
    },
    async publishOutstanding(count, outstanding) {
      for (let left = count; left > 0; left -= outstanding) {
        const pipeline = redis.pipeline();
        for (let i = Math.min(left, outstanding); i > 0; i--) pipeline.xadd(stream, "*", "body", value);
        const results = await pipeline.exec();
        const failed = results?.find(([error]) => error !== null);
        if (failed !== undefined) throw failed[0];
      }
    },
    async consume(count) {
      const span = new Span(count);
      const acks: Promise<unknown>[] = [];
      for (let left = count; left > 0; ) {
        const streams = (await reader.xreadgroupBuffer(
          "GROUP",
          "bench",
          "raw",
          "COUNT",
          1_000,
          "BLOCK",
          1_000,
          "STREAMS",
          stream,
          ">",
        )) as unknown as Map<unknown, Entries> | [unknown, Entries][] | null;
        const entries = [...(streams ?? [])].flatMap(([, each]) => each);
        for (const _entry of entries) span.seen();
        left -= entries.length;
        if (entries.length > 0) acks.push(redis.xack(stream, "bench", ...entries.map(([id]) => id)));
      }
      await Promise.all(acks);
      return span.done;
    },
    async close() {
      await redis.del(stream);
      await Promise.all([redis.quit(), reader.quit()]);
    },
  };
}

type Entries = readonly (readonly [id: Buffer, fields: readonly Buffer[]])[];
