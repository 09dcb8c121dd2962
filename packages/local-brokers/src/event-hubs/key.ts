import type { BrokerCredential } from "../recipe.ts";

/** The shared access key that may do everything, named as the service names its first one. No secret: the emulator is bound to this computer. */
export const sharedAccessKey = {
  name: "RootManageSharedAccessKey",
  key: Buffer.from("the key of the local emulator").toString("base64"),
} as const;

export function eventHubsCredentials(port: number): readonly BrokerCredential[] {
  const { name: username, key: password } = sharedAccessKey;
  return [{ username, password, host: "127.0.0.1", port, mechanisms: [], may: "everything" }];
}
