import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { upstreamVersion } from "../src/install/debian-tree.ts";
import { sourcesOf, versionedName } from "../src/install/emulator-sources.ts";
import { javaMajor } from "../src/install/java.ts";
import { pom } from "../src/install/maven-pom.ts";
import { ensureNpmPackage } from "../src/install/npm-packages.ts";
import { insideTree } from "../src/install/program.ts";
import { Progress } from "../src/progress.ts";
import { versionBeside } from "../src/rabbitmq/find.ts";
import { redisServerVersion } from "../src/redis/recipe.ts";
import { pinned } from "../src/versions.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("versions", () => {
  it("are read from what programs print", () => {
    expect(javaMajor('openjdk version "17.0.15" 2025-04-15')).toBe(17);
    expect(javaMajor('openjdk version "25" 2025-09-16')).toBe(25);
    expect(javaMajor('java version "1.8.0_412"')).toBe(8);
    expect(javaMajor("command not found")).toBeNull();
    expect(redisServerVersion("Redis server v=8.0.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")).toBe(
      "8.0.2",
    );
    expect(redisServerVersion("Valkey server")).toBeNull();
  });

  it("are read from Debian's package versions", () => {
    expect(upstreamVersion("5:8.0.2-3+deb13u2\n")).toBe("8.0.2");
    expect(upstreamVersion("4.0.5-6+deb13u2")).toBe("4.0.5");
    expect(upstreamVersion("4.1.0")).toBe("4.1.0");
  });

  it("of a RabbitMQ is read without running it", () => {
    const folder = temporaryFolder();
    for (const part of ["sbin", "plugins/rabbit_common-4.1.2", "plugins/rabbit-4.1.2", "bin"]) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, "sbin/rabbitmq-server"), "");
    symlinkSync("../sbin/rabbitmq-server", join(folder, "bin/rabbitmq-server"));
    expect(versionBeside(join(folder, "bin/rabbitmq-server"))).toBe("4.1.2");
    writeFileSync(join(folder, "alone"), "");
    expect(versionBeside(join(folder, "alone"))).toBeNull();
  });

  it("are the same in the compose file as in the code", () => {
    const compose = readFileSync(new URL("../compose.yaml", import.meta.url), "utf8");
    const images = [...compose.matchAll(/image: (\S+)/g)].map(([, image]) => image);
    expect(images).toEqual([
      `apache/kafka:${pinned.kafka}`,
      `rabbitmq:${pinned.rabbitmqImage}`,
      `redis:${pinned.redisImage}`,
      `kibertoad/fauxqs:${pinned.fauxqs}`,
      `gcr.io/google.com/cloudsdktool/google-cloud-cli:${pinned.cloudSdkImage}-emulators`,
    ]);
  });
});

describe("an emulator's lockfile", () => {
  it("pins the version that is told", () => {
    const text = (name: string) => readFileSync(new URL(`../emulators/${name}`, import.meta.url), "utf8");
    expect(JSON.parse(text("fauxqs/package.json")).dependencies).toEqual({ fauxqs: pinned.fauxqs });
    expect(text("pstest/go.mod")).toMatch(`cloud.google.com/go/pubsub/v2 v${pinned.pstest}\n`);
  });

  it.each(["fauxqs", "azurite"] as const)("of %s is that of its package.json", (name) => {
    const read = (file: string) => JSON.parse(readFileSync(join(sourcesOf(name), file), "utf8"));
    const { dependencies } = read("package.json");
    const { packages } = read("package-lock.json");
    expect(packages[""].dependencies).toEqual(dependencies);
    expect(packages[`node_modules/${name}`].version).toBe(dependencies[name]);
  });
});

describe("an emulator from npm", () => {
  it("is installed once, beside one of another version that somebody may be running", async () => {
    const folder = temporaryFolder();
    const [bin, downloads] = [join(folder, "bin"), join(folder, "downloads")];
    const earlier = join(downloads, "azurite-0123456789ab");
    for (const one of [bin, earlier]) mkdirSync(one, { recursive: true });
    const npm = '#!/bin/sh\nmkdir -p "$3/node_modules/azurite"\necho "$@" >>"$HOME/npm.log"\n';
    writeFileSync(join(bin, "npm"), npm, { mode: 0o755 });
    const site = {
      port: 1,
      folder,
      downloads,
      environment: { HOME: folder, PATH: `${bin}:/usr/bin:/bin` },
      progress: new Progress("event-hubs"),
    };

    const installed = join(downloads, versionedName("azurite"), "node_modules/azurite");
    expect(await ensureNpmPackage("azurite", site)).toBe(installed);
    expect(await ensureNpmPackage("azurite", site)).toBe(installed);
    expect([installed, earlier].map(existsSync)).toEqual([true, true]);
    expect(readFileSync(join(folder, "npm.log"), "utf8").trim().split("\n")).toHaveLength(1);
  });
});

describe("the Maven project", () => {
  it("depends on every artifact asked for", () => {
    const text = pom([{ group: "org.example", artifact: "thing", version: "1.2.3" }]);
    expect(text.replaceAll(/\s+/g, "")).toContain(
      "<dependency><groupId>org.example</groupId><artifactId>thing</artifactId><version>1.2.3</version></dependency>",
    );
  });
});

describe("a program inside a Debian folder", () => {
  it("gets its folders as arguments, so that no name can break the script", () => {
    const { args } = insideTree("/a b/tree", "/home/it's", "/usr/bin/redis-server");
    expect(args.slice(-4)).toEqual(["/a b/tree", "/home/it's", "/waybill", "/usr/bin/redis-server"]);
    expect(args.join("\n").match(/it's/g)).toHaveLength(1);
  });
});
