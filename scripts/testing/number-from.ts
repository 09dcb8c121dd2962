import { refuse } from "../refuse.ts";

/** A number that the environment may set. Ends this process where it is none, or not from 1 to `most`. */
export function numberFrom(variable: string, most: number, env: NodeJS.ProcessEnv): number | undefined {
  const text = env[variable];
  if (!text) return undefined;
  const number = Number(text);
  if (number >= 1 && number <= most) return number;
  return refuse(`${variable}=${text} is no number from 1 to ${most}: correct or unset it.`);
}
