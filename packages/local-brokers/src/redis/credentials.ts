import type { BrokerCredential } from "../recipe.ts";

/** Users beside the default one, which needs no password. No secrets: the server is bound to this computer. */
export function redisCredentials(port: number): readonly BrokerCredential[] {
  const at = { host: "127.0.0.1", port, mechanisms: [] };
  return [
    { ...at, username: "waybill", password: "waybill-password", may: "everything" },
    { ...at, username: "waybill-denied", password: "denied-password", may: "nothing" },
  ];
}
