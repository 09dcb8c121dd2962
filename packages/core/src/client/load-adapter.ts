import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import type { Adapter } from "../spi/adapter.ts";

/** Which package speaks a URL scheme. Data, so that core imports none of them. */
const adapterPackages: Readonly<Record<string, string>> = {
  memory: "@waybill/memory",
  kafka: "@waybill/kafka",
  kafkas: "@waybill/kafka",
  amqp: "@waybill/rabbitmq",
  amqps: "@waybill/rabbitmq",
  redis: "@waybill/redis",
  rediss: "@waybill/redis",
  aws: "@waybill/sns-sqs",
  pubsub: "@waybill/google-pubsub",
  eventhubs: "@waybill/event-hubs",
};

/**
 * The adapter for a URL: one of those given, else the known package, loaded now.
 * @throws MessagingError `INVALID_ARGUMENT`, `UNKNOWN_SCHEME`, `ADAPTER_MISSING`
 */
export async function loadAdapter(url: string, given: readonly Adapter[]): Promise<Adapter> {
  const scheme = schemeOf(url);
  const adapter = readable("`adapters`", () => given.find((each) => each.schemes.includes(scheme)));
  return adapter ?? loadPackage(packageFor(scheme, given));
}

/**
 * The name of the adapter package that speaks a URL's scheme.
 * @throws MessagingError `INVALID_ARGUMENT`, `UNKNOWN_SCHEME`
 */
export function adapterPackageOf(url: string): string {
  return packageFor(schemeOf(url), []);
}

function schemeOf(url: string): string {
  const scheme = typeof url === "string" ? /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() : undefined;
  if (scheme !== undefined) return scheme;
  // It is not shown: what looks like no URL may hold a password all the same.
  throw new MessagingError("INVALID_ARGUMENT", "The target is not a URL.", {
    remedy: 'Begin it with a scheme, such as "memory:" or "kafka://localhost:9092".',
  });
}

function packageFor(scheme: string, given: readonly Adapter[]): string {
  const name = Object.hasOwn(adapterPackages, scheme) ? adapterPackages[scheme] : undefined;
  if (name !== undefined) return name;
  const known = [
    ...new Set([...Object.keys(adapterPackages), ...given.flatMap((each) => each.schemes)]),
  ].sort();
  throw new MessagingError("UNKNOWN_SCHEME", `No adapter is known for "${scheme}:".`, {
    remedy: `Use one of ${known.map((each) => `${each}:`).join(", ")} or pass your own adapter in \`adapters\`.`,
    details: { scheme },
  });
}

async function loadPackage(name: string): Promise<Adapter> {
  let module: { readonly adapter?: Adapter };
  try {
    // A variable, so that bundlers do not look for packages that are not there.
    module = await import(/* @vite-ignore */ name);
  } catch (cause) {
    const [what, run] = isMissing(cause, name)
      ? ["is not installed", name]
      : ["cannot be loaded", `${name}@latest`];
    throw new MessagingError("ADAPTER_MISSING", `The adapter package ${name} ${what}.`, {
      remedy: `Run: npm install ${run} (where a bundler or a strict package manager hides it, pass it: import { adapter } from "${name}"; connect(url, { adapters: [adapter] }))`,
      cause,
      details: { package: name },
    });
  }
  if (typeof module.adapter?.fromUrl === "function") return module.adapter;
  throw new MessagingError("ADAPTER_MISSING", `The package ${name} is no adapter of this version.`, {
    remedy: `Run: npm install ${name}@latest`,
    details: { package: name },
  });
}

/** True when it is the package itself that was not found, not something inside it. */
function isMissing(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? cause.code : undefined;
  return (
    (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND" || /resolve|find/i.test(cause.message)) &&
    // In quotes: what is missing inside the package has its name in a path.
    ["'", '"', "`"].some((quote) => cause.message.includes(quote + name + quote))
  );
}
