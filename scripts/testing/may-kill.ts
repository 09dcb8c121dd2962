const variable = "WAYBILL_BROKERS_MAY_DIE";

/** The environment in which tests may kill the brokers: for `npm run test:all`, whose brokers are its own. */
export function allowingKills(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, [variable]: "1" };
}

/** Whether tests may kill the brokers. Those of `npm test` may be in use by others. */
export function mayKillBrokers(env: NodeJS.ProcessEnv = process.env): boolean {
  return env[variable] === "1";
}
