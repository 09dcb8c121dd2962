import type { Feature } from "../spi/capabilities.ts";

/**
 * Anything where `Needed` is one of `F`. Else what no value is: a member is missing whose name, in
 * the compiler's message, says what to do.
 */
export type Has<F extends Feature, Needed extends Feature> = {
  readonly [K in `add "${Exclude<Needed, F>}" to \`requires\``]: never;
};

/**
 * `Options` where the client has the feature; where it has not, naming one of them does not
 * compile. Not a conditional type, so that the compiler can compare clients by their features.
 */
export type Gated<F extends Feature, Needed extends Feature, Options> = {
  readonly [K in keyof Options]?: (NonNullable<Options[K]> & Has<F, Needed>) | undefined;
};

declare const features: unique symbol;

/**
 * Lets the compiler compare two clients by their features, so that one with more of them is
 * good for one with fewer. There is no such member.
 */
export interface HasFeatures<F extends Feature> {
  readonly [features]?: { readonly [K in F]-?: true };
}
