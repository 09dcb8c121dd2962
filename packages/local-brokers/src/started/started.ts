/** A broker that was started here, however it was; what can be done with it. */
export interface Started {
  isRunning(): Promise<boolean>;
  /** The end of its log. */
  log(): Promise<string>;
  /** SIGKILL to the broker's own process; resolves when it is gone. Its data stays. Nothing where it does not run. */
  kill(): Promise<void>;
  /** Starts it on its port and data; does not wait until it answers. Nothing where it runs. */
  start(): Promise<void>;
  /** Stops the process without ending it: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends everything that was started; the folder is left to the caller. */
  remove(): Promise<void>;
}
