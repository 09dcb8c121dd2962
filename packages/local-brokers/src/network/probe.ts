/** What was found at an endpoint. */
export type Probe =
  /** Nothing accepts connections there. */
  | { readonly kind: "absent"; readonly reason: string }
  /** Something accepts connections and does not speak the protocol, or does not speak at all. */
  | { readonly kind: "other"; readonly reason: string }
  /** The broker; `ready` is false while it still loads its data. */
  | { readonly kind: "speaks"; readonly version: string | null; readonly ready: boolean };
