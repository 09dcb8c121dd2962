/** Where a command writes, and what it may read from. */
export interface Terminal {
  /** Results: what a script would read. */
  readonly out: (text: string) => void;
  /** Everything else: progress, warnings, errors. */
  readonly err: (text: string) => void;
  readonly environment: NodeJS.ProcessEnv;
}

/** One command of `waybill`, in a file of its own. */
export interface Command {
  /** The whole help text. */
  readonly help: string;
  /** It hands its arguments on, a `--help` among them included. Default false: `--help` anywhere is its own. */
  readonly choosesAmongOthers?: boolean;
  /**
   * Does the work; resolves to the exit code: 0 done, 1 not done.
   *
   * @throws UsageError if the arguments make no sense, which ends in exit code 2
   */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** A line in a list of commands; the command itself is loaded only when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}
