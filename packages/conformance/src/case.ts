import type { Capabilities, Feature } from "@waybill/core/spi";
import type { Context } from "./context.ts";
import type { Part } from "./parts.ts";

/** The guarantees that the suite proves. The README says each in a sentence. */
export type GuaranteeId = `G${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13}`;

/** One behaviour, proven. */
export interface Case {
  /** `suite.kebab-name`. Quirks and faulty drivers refer to it, so it never changes its meaning. */
  readonly id: string;
  /** A sentence that reads like the guarantee it proves. */
  readonly title: string;
  readonly guarantee: GuaranteeId;
  /** Features it uses. Where one is absent, the refusal of that feature is proven instead. */
  readonly needs: readonly Feature[];
  /** Parts of the target it uses. Where one is not given, the case is not run, and the report says why. */
  readonly parts: readonly Part[];
  /** For what depends on a value in the capabilities: `true`, or why the case means nothing here. */
  readonly applies: (capabilities: Capabilities) => true | string;
  /** How long it may take, in milliseconds: generous, since it is only there to end what hangs. */
  readonly timeoutMs: number;
  /** Runs alone: it measures time or memory, or harms the broker. */
  readonly exclusive: boolean;
  readonly run: (context: Context) => Promise<void>;
}

/** A case as a suite writes it: what is left out has a default. */
export interface CaseDefinition {
  /** The part of the id after the suite's name. */
  readonly id: string;
  readonly title: string;
  readonly guarantee: GuaranteeId;
  /** Default: none. */
  readonly needs?: readonly Feature[];
  /** Default: none. */
  readonly parts?: readonly Part[];
  /** Default: always. */
  readonly applies?: (capabilities: Capabilities) => true | string;
  /** Default: 60 000. */
  readonly timeoutMs?: number;
  /** Default: false. */
  readonly exclusive?: boolean;
  readonly run: (context: Context) => Promise<void>;
}

const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The cases of one suite, which is also one file. */
export function suite(name: string, definitions: readonly CaseDefinition[]): readonly Case[] {
  return definitions.map((definition) => {
    if (!kebab.test(definition.id)) throw new Error(`"${definition.id}" is not a kebab-case name.`);
    return {
      needs: [],
      parts: [],
      applies: () => true,
      timeoutMs: 60_000,
      exclusive: false,
      ...definition,
      id: `${name}.${definition.id}`,
    };
  });
}

/** The name of the suite that a case id belongs to. */
export const suiteOf = (id: string): string => id.slice(0, id.indexOf("."));
