import { describe, expect, it } from "vitest";
import list from "./retired-words.json" with { type: "json" };
import { type RetiredWords, wordProblems } from "./words.ts";

const retired: RetiredWords = { ...list, notYetClean: {}, exempt: {} };

describe("the words check", () => {
  it("catches an identifier, a private one and a type as well", () => {
    expect(problemsIn("packages/kafka/src/a.ts", "export class WaitingLine { #heldLanes = 1; }")).toEqual([
      "packages/kafka/src/a.ts:1: WaitingLine: use SendQueue",
      "packages/kafka/src/a.ts:1: heldLanes: use partition",
    ]);
    expect(problemsIn("packages/core/src/a.ts", "\nexport type A = Link;")).toEqual([
      "packages/core/src/a.ts:2: Link: use ReconnectingConnection",
    ]);
  });

  it("catches a retired word within a longer name", () => {
    for (const name of ["flightOf", "allFlights", "holdingsOf", "isHiding", "patientMs", "theGreeter"])
      expect(problemsIn("packages/core/src/a.ts", `const ${name} = 1;`), name).toHaveLength(1);
    expect(problemsIn("packages/core/src/a.ts", "const inFlightOf = impatience;")).toEqual([]);
  });

  it("catches the small letters of a variable that is named for a retired word", () => {
    const source = "for (const flight of this.#inFlight) send(flight, { link: context.link });";
    expect(problemsIn("packages/core/src/a.ts", source)).toEqual([
      "packages/core/src/a.ts:1: flight: use InFlightBatch, inFlight",
      "packages/core/src/a.ts:1: link: use connector, connection",
    ]);
    expect(problemsIn("packages/core/src/a.ts", "const inFlight = preflight; // in flight, a link")).toEqual(
      [],
    );
    expect(problemsIn("a.ts", "const outboxes = holdsBack;")).toHaveLength(2);
  });

  it("catches a file's name and a folder's", () => {
    expect(problemsIn("packages/kafka/src/delays/mover.ts", "")).toHaveLength(1);
    expect(problemsIn("packages/conformance/src/saboteurs/index.ts", "")).toHaveLength(1);
    expect(problemsIn("packages/sns-sqs/src/places/queue.ts", "")).toHaveLength(1);
    expect(problemsIn("packages/local-brokers/stand-ins/azurite/package.json", "")).toHaveLength(1);
  });

  it("catches the name of an option, quoted or not, and in a document", () => {
    const problem = "use closeTimeoutMs";
    expect(problemsIn("a.ts", "export const options = { closeMs: 1 };").join()).toContain(problem);
    expect(problemsIn("a.ts", 'export interface Options { "closeMs": number }').join()).toContain(problem);
    expect(problemsIn("README.md", "| `closeMs` | how long it may take |").join()).toContain(problem);
    expect(problemsIn("README.md", "# Use\n\n```ts\nopen({ closeMs: 1 });\n```\n")).toEqual([
      "README.md:4: closeMs: use closeTimeoutMs",
    ]);
  });

  it("catches the name that an option had, in whatever an application may set", () => {
    const policy =
      "export interface RetryPolicy { readonly attempts?: number; retryable(error: unknown): boolean }";
    expect(problemsIn("a.ts", policy)).toEqual([
      "a.ts:1: the option attempts of RetryPolicy: use maxAttempts",
      "a.ts:1: the option retryable of RetryPolicy: use isRetryable",
    ]);
    const nested = "\nexport type BreakerOptions = { open?: { 'failures': number } | undefined };";
    expect(problemsIn("a.ts", nested)).toEqual([
      "a.ts:2: the option failures of BreakerOptions: use failureThreshold",
    ]);
    const table = "export const optionTable = { attempts: option.integer() };";
    expect(problemsIn("a.ts", table)).toHaveLength(1);
  });

  it("lets what is no option be called so", () => {
    const source = `export interface DeadLetterInfo { readonly attempts: number }
const attempts = failures + counts;
export interface MessagingErrorOptions { readonly retryable?: boolean }
export interface RetryPolicy { readonly maxAttempts?: number }`;
    expect(problemsIn("a.ts", source)).toEqual([]);
  });

  it("catches what a file of data names and says", () => {
    expect(problemsIn("a.yaml", "services:\n  outbox:\n    image: x # patiently\n")).toEqual([
      "a.yaml:2: outbox: use DestinationSender, SendQueue (an outbox is a table)",
      'a.yaml:3: "patiently": use retrying what is transient',
    ]);
    expect(problemsIn("a.json", '{ "closeMs": 1, "why": "nobody answers" }')).toEqual([
      "a.json:1: closeMs: use closeTimeoutMs",
      'a.json:1: "nobody answers": use the broker is unreachable',
    ]);
    expect(problemsIn("a.json", '{ "name": "link", "url": "https://flight.example" }')).toEqual([]);
  });

  it("catches a phrase in a document, a comment and an error, also over the end of a line", () => {
    expect(problemsIn("docs/a.md", "one\nWhat happens when nobody\nanswers at all.")).toEqual([
      'docs/a.md:2: "nobody answers": use the broker is unreachable',
    ]);
    expect(problemsIn("a.ts", "/**\n * Where dead\n * letters go.\n */\n")).toHaveLength(1);
    expect(problemsIn("a.ts", "// Where dead\n// letters go.\n")).toHaveLength(1);
    expect(problemsIn("a.ts", "throw new Error(`Mend ` + cause);")).toHaveLength(1);
  });

  it("catches the old names of guarantees, and what was dead-lettered where it is called a letter", () => {
    expect(problemsIn("a.ts", "// P8 and P13 hold.")).toEqual([
      'a.ts:1: "P8": use G8',
      'a.ts:1: "P13": use G13',
    ]);
    expect(problemsIn("a.ts", "/** The run that passed this letter over. */")).toHaveLength(1);
    expect(problemsIn("a.ts", "// Begin with a letter: G1, P14, P256, p1, MP3.")).toEqual([]);
  });

  it("takes whole words only, and lets the field's own pass", () => {
    const source =
      "const deadLetterOf = firstLine + planes + amend + dispatch; // A dead-letter queue: amend it.";
    expect(problemsIn("packages/kafka/src/a.ts", source)).toEqual([]);
    expect(problemsIn("packages/event-hubs-emulator/src/link.ts", "export class Link {}")).toEqual([]);
    expect(problemsIn("a.ts", 'const text = "const lane = new Outbox()";')).toEqual([]);
  });

  it("wants the list of what is not yet clean to shrink", () => {
    const texts = new Map([
      ["packages/kafka/src/a.ts", "export const lane = 1;"],
      ["packages/redis/src/a.ts", "export const partition = 1;"],
    ]);
    const notYetClean = { "packages/kafka/": "being renamed", "packages/redis/": "being renamed" };
    expect(wordProblems(texts, { ...retired, notYetClean })).toEqual([
      "scripts/check/retired-words.json need not name packages/redis/ as not yet clean",
    ]);
  });
});

function problemsIn(path: string, text: string): readonly string[] {
  return wordProblems(new Map([[path, text]]), retired);
}
