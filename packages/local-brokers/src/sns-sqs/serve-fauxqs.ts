// Run as a program: `serve-fauxqs <folder of the fauxqs package> <port> <folder for data>`. fauxqs's own command listens
// on every network this computer is in, and logs every request.
import { Server } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/** The part of fauxqs that is used here. */
interface Fauxqs {
  startFauxqs(options: { port: number; dataDir: string; logger: boolean }): Promise<unknown>;
}

listenOnLoopbackOnly();
leaveFlushingToTheSystem();

const [folder = "", port = "", dataDir = ""] = process.argv.slice(2);
const fauxqs = (await import(pathToFileURL(join(folder, "dist/app.js")).href)) as Fauxqs;
await fauxqs.startFauxqs({ port: Number(port), dataDir, logger: false });
console.log(`listening on port ${port}`);

/** It has no option for the address. */
function listenOnLoopbackOnly(): void {
  const listen = Server.prototype.listen as (this: Server, options: object, ...rest: unknown[]) => Server;
  Server.prototype.listen = function (this: Server, options: object, ...rest: unknown[]): Server {
    return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
  } as Server["listen"];
}

/**
 * It flushes the disk for every message, which an end of the computer calls for and an end of the process does not:
 * what was written is the system's to keep.
 */
function leaveFlushingToTheSystem(): void {
  const exec = DatabaseSync.prototype.exec;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    exec.call(this, sql);
    if (/journal_mode\s*=\s*wal/i.test(sql)) exec.call(this, "PRAGMA synchronous = NORMAL");
  };
}
