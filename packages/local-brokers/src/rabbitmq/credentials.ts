import type { BrokerCredential } from "../recipe.ts";

/** The users of the server. No secrets: it is bound to this computer. */
export function rabbitmqCredentials(port: number): readonly BrokerCredential[] {
  const at = { host: "127.0.0.1", port, mechanisms: ["PLAIN", "AMQPLAIN"] };
  return [
    { ...at, username: "guest", password: "guest", may: "everything" },
    { ...at, username: "waybill-denied", password: "denied-password", may: "nothing" },
  ];
}
