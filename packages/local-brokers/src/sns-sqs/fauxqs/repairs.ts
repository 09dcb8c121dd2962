import type { DatabaseSync, StatementSync } from "node:sqlite";

/** The part of fauxqs 2.4.1 that is repaired here. */
export interface PersistenceClass {
  readonly prototype: {
    updateMessageReady(this: Persistence, messageId: string): void;
    insertQueue(this: Persistence, queue: FauxqsQueue): void;
  };
}

interface Persistence {
  readonly db: DatabaseSync;
}

interface FauxqsQueue {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  readonly attributes: object;
  readonly tags: ReadonlyMap<string, string>;
  readonly createdTimestamp: number;
  readonly lastModifiedTimestamp: number;
  readonly sequenceCounter: number;
}

/**
 * A message whose visibility ends loses its count of receives on disk, where the column may not be empty: the request
 * is answered with 500, and the message is gone.
 */
export function keepMessagesGivenBack({ prototype }: PersistenceClass): void {
  const statement = preparedOnce(
    "UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?",
  );
  prototype.updateMessageReady = function (messageId) {
    statement(this.db).run(messageId);
  };
}

/** A queue that gets a tag has its row replaced, and the row that goes takes its messages along. */
export function keepMessagesOfTaggedQueues({ prototype }: PersistenceClass): void {
  const statement = preparedOnce(`
    INSERT INTO sqs_queues
      (name, url, arn, attributes, tags, created_timestamp, last_modified_timestamp, sequence_counter)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET attributes = excluded.attributes, tags = excluded.tags`);
  prototype.insertQueue = function (queue) {
    const tags = JSON.stringify(Object.fromEntries(queue.tags));
    const times = [queue.createdTimestamp, queue.lastModifiedTimestamp] as const;
    const texts = [queue.name, queue.url, queue.arn, JSON.stringify(queue.attributes), tags] as const;
    statement(this.db).run(...texts, ...times, queue.sequenceCounter);
  };
}

/** Its check of bodies goes by halves of surrogate pairs, and so refuses what lies above U+FFFF, such as emoji. */
export function acceptAllOfUnicode(forbidden: RegExp): void {
  forbidden.compile("[^\\t\\n\\r\\u{20}-\\u{D7FF}\\u{E000}-\\u{FFFD}\\u{10000}-\\u{10FFFF}]", "u");
}

function preparedOnce(sql: string): (db: DatabaseSync) => StatementSync {
  let prepared: StatementSync | undefined;
  return (db) => {
    prepared ??= db.prepare(sql);
    return prepared;
  };
}
