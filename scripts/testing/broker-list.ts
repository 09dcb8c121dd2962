import { type BrokerStatus, withoutPassword } from "@waybill/local-brokers";

const origins = {
  environment: "named by the environment",
  listening: "was already listening",
  container: "started in a container",
  native: "started natively",
} as const;

/** One line per broker: what it is, where it came from and how to reach it. */
export function brokerList(brokers: readonly BrokerStatus[]): string {
  return brokers
    .map(({ name, state, version, how, url }) => {
      const origin = how === null ? "" : origins[how];
      const place = url === null ? "" : withoutPassword(url);
      return `  ${name.padEnd(13)} ${state.padEnd(8)} ${(version ?? "").padEnd(15)} ${origin.padEnd(24)} ${place}`.trimEnd();
    })
    .join("\n");
}
