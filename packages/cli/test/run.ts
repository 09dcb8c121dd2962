import { main } from "../src/main.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `waybill` in this process, in an environment of its own. */
export async function waybill(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const code = await main(args, {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment,
  });
  return { code, out, err };
}
