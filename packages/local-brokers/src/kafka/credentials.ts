import type { BrokerCredential } from "../recipe.ts";

const mechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** The users of the listener that asks for a login. No secrets: it is bound to this computer and made for tests. */
export function kafkaCredentials(saslPort: number): readonly BrokerCredential[] {
  const at = { host: "127.0.0.1", port: saslPort, mechanisms };
  return [
    { ...at, username: "waybill", password: "waybill-password", may: "everything" },
    { ...at, username: "waybill-denied", password: "denied-password", may: "nothing" },
  ];
}
