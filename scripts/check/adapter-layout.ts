/** What every adapter's `src/` has in common, for the layout check and for the scaffold. */

/** The files, and what each exports at least; X is the adapter's name in camel case. */
export const adapterFiles: Readonly<Record<string, (X: string) => readonly string[]>> = {
  "index.ts": (X) => [`${X.charAt(0).toLowerCase()}${X.slice(1)}`, "adapter"],
  "options.ts": () => ["readSettings", "settingsFromUrl"],
  "capabilities.ts": () => ["capabilitiesOf"],
  "naming.ts": () => ["naming"],
  "connection.ts": (X) => [`${X}Connection`],
  "publisher.ts": (X) => [`${X}Publisher`],
  "consumer.ts": (X) => [`${X}Consumer`],
  "delivery.ts": (X) => [`${X}Delivery`],
  "topology.ts": (X) => [`${X}Topology`],
  "mapping.ts": () => [],
  "errors.ts": () => ["classify"],
  "conformance.ts": () => ["target"],
};

/** What an adapter may have besides: the vendor client behind a narrow interface, and what its broker asks for. */
export const adapterFolders = ["client", "receiving", "groups", "delays", "broadcast", "replies"];

/** Entries of `exports` that packages on top and the conformance suite rely on. */
export const adapterEntries = [".", "./mapping", "./conformance"];

export const readmeSections = [
  "Install",
  "Use",
  "Mapping",
  "Delivery semantics",
  "Limits",
  "Permissions",
  "Native access",
];

/** `google-pubsub` as `GooglePubsub`: what its classes are named with. */
export function adapterClassPrefix(folder: string): string {
  return folder.replaceAll(/(?:^|-)(\w)/g, (_, initial: string) => initial.toUpperCase());
}
