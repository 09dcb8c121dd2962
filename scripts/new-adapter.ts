// `npm run new-adapter <name>`: lays out packages/<name> with the agreed files, each saying what belongs in it.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { capture } from "./command.ts";
import { sources } from "./scaffold/sources.ts";
import { surroundings } from "./scaffold/surroundings.ts";
import { root } from "./workspace.ts";

const [name = ""] = process.argv.slice(2);
const folder = join(root, "packages", name);
if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
  fail("Usage: npm run new-adapter <name>, in lower case, with hyphens between words.");
} else if (existsSync(folder)) {
  fail(`packages/${name} exists already.`);
} else {
  for (const [path, text] of Object.entries({ ...surroundings(name), ...sources(name) })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await capture("biome", ["check", "--write", `packages/${name}`]);
  console.log(`packages/${name} is laid out. Now: npm install, then docs/writing-an-adapter.md.`);
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 2;
}
