import { Server } from "node:net";
import { DatabaseSync } from "node:sqlite";

/** fauxqs has no option for the address, and takes every one the computer has. */
export function listenOnLoopbackOnly(): void {
  const listen = Server.prototype.listen as (this: Server, options: object, ...rest: unknown[]) => Server;
  Server.prototype.listen = function (this: Server, options: object, ...rest: unknown[]): Server {
    return listen.call(this, { ...options, host: "127.0.0.1" }, ...rest);
  } as Server["listen"];
}

/**
 * fauxqs flushes the disk for every message, which an end of the computer calls for and an end of the process does
 * not: what was written is the system's to keep.
 */
export function leaveFlushingToTheSystem(): void {
  const exec = DatabaseSync.prototype.exec;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    exec.call(this, sql);
    if (/journal_mode\s*=\s*wal/i.test(sql)) exec.call(this, "PRAGMA synchronous = NORMAL");
  };
}
