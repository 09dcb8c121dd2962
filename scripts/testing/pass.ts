/** `side-by-side` with other jobs, or `alone`, for the tests that measure time. */
export type Pass = "side-by-side" | "alone";

const variable = "WAYBILL_TEST_PASS";

/** The environment of a vitest process that belongs to this pass. */
export function inPass(pass: Pass, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, [variable]: pass };
}

/** Whether this vitest process runs the tests that measure time, and no others. */
export function isMeasuring(env: NodeJS.ProcessEnv): boolean {
  return env[variable] === ("alone" satisfies Pass);
}
