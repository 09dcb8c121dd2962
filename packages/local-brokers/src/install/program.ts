import { basename } from "node:path";

/** A program to run, and how the computer looks from inside it. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** The broker's own folder, by the name the program sees it under. */
  readonly folder: string;
  /** Its PATH. */
  readonly path: string;
}

/** A program installed on this computer, run as it is. */
export function installedProgram(command: string, folder: string, environment: NodeJS.ProcessEnv): Program {
  return { command, args: [], folder, path: environment.PATH ?? "" };
}

/** Where a tree made by `ensureDebianTree` shows the broker's folder. */
export const folderInTree = "/waybill";

/**
 * Runs a program inside another Debian tree, with /proc, /dev and the broker's folder in it. The mounts are made in
 * a mount namespace of the program's own, so they end with it: nothing is ever left mounted, whatever gets killed.
 * Every step replaces itself by the next (`exec`), so the pid of the command is the pid of the program.
 */
export function insideTree(tree: string, folder: string, program: string): Program {
  const script = [
    "tree=$1 folder=$2 inside=$3; shift 3",
    'mount --rbind /proc "$tree/proc"',
    'mount --rbind /dev "$tree/dev"',
    'mount --bind "$folder" "$tree$inside"',
    'exec chroot "$tree" "$@"',
  ].join(" && ");
  const shell = ["sh", "-c", script, `waybill-${basename(program)}`];
  return {
    command: "unshare",
    args: ["--mount", "--propagation", "private", ...shell, tree, folder, folderInTree, program],
    folder: folderInTree,
    path: "/usr/sbin:/usr/bin:/sbin:/bin",
  };
}
