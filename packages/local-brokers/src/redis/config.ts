import type { BrokerCredential } from "../recipe.ts";

/** `redis.conf` on loopback only, keeping every write it has confirmed. */
export function redisConfig(
  port: number,
  dataFolder: string,
  credentials: readonly BrokerCredential[],
): string {
  const users = credentials.map(({ username, password, may }) => {
    const rights =
      may === "everything" ? "~* &* +@all" : "-@all +auth +hello +ping +client|setinfo +client|setname";
    return `user ${username} on >${password} ${rights}`;
  });
  return `${[
    "bind 127.0.0.1",
    `port ${port}`,
    `dir ${dataFolder}`,
    "daemonize no",
    // Written and on disk before the reply goes out. With the default, `everysec`, a write can still sit in
    // memory when it is confirmed, and a killed server loses it.
    "appendonly yes",
    "appendfsync always",
    'save ""',
    ...users,
  ].join("\n")}\n`;
}
