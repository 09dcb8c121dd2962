import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type BrokersOptions, takeDown } from "../src/index.ts";
import { findFreePort } from "../src/network/free-port.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Small programs that start at once, for tests of what is done with a program and not of the program. */
const fakes = { "redis-server": "fake-redis.mjs", docker: "fake-docker.mjs" } as const;

export interface TestHome extends BrokersOptions {
  readonly home: string;
  readonly port: number;
  readonly environment: NodeJS.ProcessEnv;
}

/** A home of its own, a free port for Redis, and a PATH with these fakes; taken down at the end of the test. */
export async function homeWithPrograms(...programs: (keyof typeof fakes)[]): Promise<TestHome> {
  const folder = temporaryFolder();
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const program of programs) {
    const script = fileURLToPath(new URL(fakes[program], import.meta.url));
    writeFileSync(join(bin, program), `#!/bin/sh\nexec "${process.execPath}" "${script}" "$@"\n`);
    chmodSync(join(bin, program), 0o755);
  }
  const port = await findFreePort();
  const environment = { HOME: folder, PATH: [bin, dirname(process.execPath), "/usr/bin", "/bin"].join(":") };
  const options = { home: join(folder, "home"), port, ports: { redis: port }, environment } as const;
  onTestFinished(async () => {
    await takeDown(["redis"], options);
  });
  return options;
}
