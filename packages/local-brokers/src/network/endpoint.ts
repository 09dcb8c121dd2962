export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Speak TLS first. Default false. */
  readonly tls?: boolean;
}

const urlShape = /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?:[^@/?#]*@)?(?<hosts>[^/?#]+)/i;
const hostShape = /^(?<host>\[[^\]]+\]|[^:]+)(?::(?<port>\d+))?$/;
const tlsSchemes = new Set(["amqps", "rediss", "kafkas"]);

/**
 * The first endpoint a broker URL names, or null where it names none.
 * Not `new URL`: a Kafka URL may list several hosts, which it refuses.
 */
export function endpointOfUrl(url: string, defaultPort: number): Endpoint | null {
  const { scheme, hosts } = urlShape.exec(url)?.groups ?? {};
  const { host, port } = hostShape.exec(hosts?.split(",")[0] ?? "")?.groups ?? {};
  if (scheme === undefined || host === undefined || Number(port ?? defaultPort) > 65_535) return null;
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? defaultPort),
    tls: tlsSchemes.has(scheme.toLowerCase()),
  };
}

/** `host:port` as it stands in a URL, with brackets around an IPv6 address. */
export function authorityOf({ host, port }: Endpoint): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function isThisComputer(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** The URL without its password, for messages. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?#]*):[^@/]*@/i, "$1:***@");
}
