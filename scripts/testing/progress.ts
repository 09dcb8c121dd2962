import { styleText } from "node:util";
import { inWords, type Tally } from "../tally.ts";

/** How often is told what still runs, in milliseconds: some cases take minutes. */
const reminderMs = 60_000;

/** Tells what several jobs do at the same time: every line says whose it is. */
export class Progress {
  readonly #width: number;
  readonly #count: number;
  readonly #startedAt = new Map<string, number>();
  readonly #reminder: NodeJS.Timeout;
  #ended = 0;

  constructor(names: readonly string[]) {
    this.#width = Math.max(0, ...names.map((name) => name.length));
    this.#count = names.length;
    this.#reminder = setInterval(() => this.#remind(), reminderMs);
  }

  start(name: string): void {
    this.#startedAt.set(name, performance.now());
    this.line(name, styleText("bold", "starts"));
  }

  line(name: string, text: string): void {
    if (text.trim() !== "") console.log(`${styleText("dim", name.padEnd(this.#width))}  ${text}`);
  }

  end(name: string, tally: Tally): void {
    const color = tally.failed === 0 ? "green" : "red";
    const place = `${++this.#ended} of ${this.#count}`;
    this.line(name, styleText(color, `ended after ${this.#minutes(name)}: ${inWords(tally)} (${place})`));
    this.#startedAt.delete(name);
  }

  stop(): void {
    clearInterval(this.#reminder);
  }

  #remind(): void {
    const running = [...this.#startedAt.keys()].map((name) => `${name} for ${this.#minutes(name)}`);
    console.log(styleText("dim", `… ${running.join(", ")}; ${this.#ended} of ${this.#count} ended`));
  }

  #minutes(name: string): string {
    return `${((performance.now() - (this.#startedAt.get(name) ?? 0)) / 60_000).toFixed(1)} min`;
  }
}
