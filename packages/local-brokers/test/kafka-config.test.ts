import { describe, expect, it } from "vitest";
import { kafkaProperties } from "../src/kafka/config.ts";
import { kafkaCredentials } from "../src/kafka/credentials.ts";

const text = kafkaProperties(
  { plain: 9092, sasl: 21001, controller: 21002 },
  "/data",
  kafkaCredentials(21001),
);
const lines = text.trimEnd().split("\n");
const settings = new Map(
  lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
);

describe("Kafka's server.properties", () => {
  it("binds every listener to loopback", () => {
    const addresses = settings.get("listeners")?.split(",") ?? [];
    expect(addresses).toHaveLength(3);
    for (const address of addresses) expect(address).toContain("//127.0.0.1:");
  });

  it("advertises the listeners for clients, and not the controller's", () => {
    expect(settings.get("advertised.listeners")).toBe(
      "PLAINTEXT://127.0.0.1:9092,SASL_PLAINTEXT://127.0.0.1:21001",
    );
  });

  it("creates no topic that nobody asked for", () => {
    expect(settings.get("auto.create.topics.enable")).toBe("false");
  });

  it("asks for no more copies than one node can keep", () => {
    const factors = [...settings].filter(([key]) => /replication\.factor|min\.isr/.test(key));
    expect(factors.length).toBeGreaterThanOrEqual(5);
    for (const [key, value] of factors) expect(value, key).toBe("1");
  });

  it("lets the clients without a login do everything, and of the users only the one that may", () => {
    expect(settings.get("super.users")).toBe("User:ANONYMOUS;User:waybill");
  });
});
