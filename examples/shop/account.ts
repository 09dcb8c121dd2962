import { styleText } from "node:util";

type Part = "shop" | "billing" | "shipping" | "mailer" | "carrier" | "trouble";

const colours = {
  shop: "cyan",
  billing: "green",
  shipping: "blue",
  mailer: "magenta",
  carrier: "yellow",
  trouble: "red",
} as const satisfies Record<Part, string>;

/** The running account: who did what, one line each. Coloured on a terminal only. */
export function tell(part: Part, what: string): void {
  console.log(`${styleText(colours[part], part.padEnd(9), { stream: process.stdout })} ${what}`);
}

export function heading(title: string): void {
  console.log(`\n${styleText("bold", title, { stream: process.stdout })}`);
}
