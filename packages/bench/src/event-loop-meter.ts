/** Watches how long the event loop keeps a timer waiting. */
export interface EventLoopMeter {
  /** Ends it and returns the worst, in milliseconds. */
  end(): number;
}

/** Sets one timer after the other, and keeps the worst delay by the clock: that of the machine's other work counts too. */
export function timerDelay(intervalMs: number): EventLoopMeter {
  let worst = 0;
  let dueAt = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    worst = Math.max(worst, performance.now() - dueAt);
  };
  const next = () => {
    dueAt = performance.now() + intervalMs;
    timer = setTimeout(() => {
      look();
      next();
    }, intervalMs);
  };
  next();
  return {
    end: () => {
      clearTimeout(timer);
      // That of one which is overdue now.
      look();
      return Math.max(worst, 1);
    },
  };
}

/** Keeps the most time of the processor that this thread takes from one timer to the next: no other work counts. */
export function longestTurn(): EventLoopMeter {
  let before = process.threadCpuUsage();
  let worst = 0;
  const look = () => {
    const now = process.threadCpuUsage();
    worst = Math.max(worst, (now.user + now.system - before.user - before.system) / 1_000);
    before = now;
  };
  const timer = setInterval(look, 1);
  return {
    end: () => {
      clearInterval(timer);
      look();
      return Math.max(worst, 1);
    },
  };
}
