import { styleText } from "node:util";

export function heading(title: string): void {
  console.log(styleText("bold", `\n── ${title}`));
}
