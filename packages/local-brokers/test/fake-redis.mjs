#!/usr/bin/env node
// Behaves as redis-server: reads the port from its configuration and keeps its process id as data, to show what
// survives. FAIL in the configuration's folder makes it fail as a broken installation would.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";

const [argument] = process.argv.slice(2);
if (argument === "--version") {
  console.log("Redis server v=8.9.0 sha=00000000:0 malloc=libc bits=64 build=0");
} else {
  const text = readFileSync(argument, "utf8");
  const setting = (name) => new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1];
  if (existsSync(join(dirname(argument), "../../FAIL"))) {
    console.error("# Fatal error: this Redis is broken");
    process.exit(1);
  }
  appendFileSync(join(setting("dir"), "starts"), `${process.pid}\n`);
  const info = "# Server\r\nredis_version:8.9.0\r\nloading:0\r\n";
  createServer((socket) => {
    socket.on("error", () => {}).on("data", () => socket.write(`$${info.length}\r\n${info}\r\n`));
  }).listen(Number(setting("port")), "127.0.0.1");
}
