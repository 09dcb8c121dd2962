import { MessagingError, percentDecoded } from "@waybill/core/spi";

export interface Host {
  readonly host: string;
  readonly port: number;
}

const defaultPort = 9092;

/** "host", "host:port" or "[v6]:port", each. */
export function parseBrokers(brokers: readonly string[]): readonly Host[] {
  return brokers.map((broker) => {
    const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:@/\s[\]]+))(?::(\d{1,5}))?$/.exec(broker);
    const host = parts?.[1] ?? parts?.[2];
    const port = Number(parts?.[3] ?? defaultPort);
    if (host === undefined || port < 1 || port > 65_535) {
      throw new MessagingError("INVALID_ARGUMENT", "A broker of kafka is not of the form host:port.", {
        remedy: 'Write "host:port", such as "kafka-1:9092"; an IPv6 address in brackets.',
        details: { adapter: "kafka", option: "brokers" },
      });
    }
    return { host, port };
  });
}

export interface UrlParts {
  readonly brokers: readonly string[] | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  readonly query: URLSearchParams;
}

/** By hand, since `URL` takes one host only. */
export function splitUrl(url: string): UrlParts {
  const parts = /^(kafkas?):(?:\/\/(?:([^@/?#]*)@)?([^/?#@]*)\/?)?(?:\?([^#]*))?$/.exec(url);
  if (parts === null) {
    throw new MessagingError("INVALID_ARGUMENT", "The URL of kafka cannot be read.", {
      remedy:
        "Write it as kafka://user:password@host:port,host:port?option=value; percent-encode what is special in user and password.",
    });
  }
  const [, scheme, credentials, hosts, query] = parts;
  const colon = credentials?.indexOf(":") ?? -1;
  const username = colon < 0 ? credentials : credentials?.slice(0, colon);
  const password = colon < 0 ? undefined : credentials?.slice(colon + 1);
  return {
    brokers: hosts ? hosts.split(",") : undefined,
    username: username ? percentDecoded("kafka", username) : undefined,
    password: password ? percentDecoded("kafka", password) : undefined,
    tls: scheme === "kafkas",
    query: new URLSearchParams(query ?? ""),
  };
}
