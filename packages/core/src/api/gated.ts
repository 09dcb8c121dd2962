import type { Feature } from "../spi/capabilities.ts";

/** `Options` where the client has the feature; where it has not, naming one of them does not compile. */
export type Gated<F extends Feature, Needed extends Feature, Options> = [Needed] extends [F]
  ? Options
  : { readonly [K in keyof Options]?: never };
