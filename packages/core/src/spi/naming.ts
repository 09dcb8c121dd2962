import { MessagingError } from "../errors/messaging-error.ts";
import { shown } from "../errors/shown.ts";

/**
 * How portable names become names on this broker. The mapping must be
 * injective: two portable names never share a brokerName one.
 */
export interface NamingRule {
  /** What the broker allows, as one sentence for error messages. */
  readonly rule: string;
  /** The brokerName name, or `undefined` when this name cannot be had on this broker. */
  toBrokerName(name: string, kind: "topic" | "queue" | "group" | "inbox"): string | undefined;
  /**
   * For brokers that take different names for one (Kafka: `a.b` and `a_b`): equal
   * results collide. Default: the brokerName name itself.
   */
  collisionKey?(brokerName: string): string;
}

/**
 * The separator that core and adapters use in names they derive (a dead-letter queue,
 * a retry path). A portable name never contains it, so a derived name never
 * equals one that an application chose.
 */
export const derivedSeparator = "..";

const segment = "[A-Za-z0-9_-]+";
const portable = new RegExp(`^${segment}(?:\\.${segment})*$`);
const longest = 150;

/** Checks that a name is portable: segments of letters, digits, `_` and `-`, joined by single dots, at most 150 long. */
export function checkPortableName(name: unknown, what: string): asserts name is string {
  if (typeof name === "string" && name.length <= longest && portable.test(name)) return;
  throw new MessagingError("INVALID_NAME", `${shown(name)} is not a legal ${what} name.`, {
    remedy: `Use 1 to ${longest} of letters, digits, "_" and "-", in parts joined by single dots, such as "orders.placed".`,
    details: { what },
  });
}
