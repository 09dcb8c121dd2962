import { describe, expect, it } from "vitest";
import { endpointOfUrl, withoutPassword } from "../src/network/endpoint.ts";
import { recipes } from "../src/registry.ts";

describe("the endpoint a broker URL names", () => {
  it.each([
    ["redis://127.0.0.1:6390", "127.0.0.1", 6390, false],
    ["redis://user:p%40ss@cache.example:6390/0?x=1", "cache.example", 6390, false],
    ["rediss://cache.example", "cache.example", 1, true],
    ["kafka://one:9092,two:9093", "one", 9092, false],
    ["amqp://guest:guest@[::1]:5672/vhost", "::1", 5672, false],
    ["amqps://rabbit.example/", "rabbit.example", 1, true],
  ])("%s", (url, host, port, tls) => {
    expect(endpointOfUrl(url, 1)).toEqual({ host, port, tls });
  });

  it.each(["", "localhost:6379", "redis://", "kafka://:9092", "redis://host:65536"])(
    "%s names none",
    (url) => {
      expect(endpointOfUrl(url, 1)).toBeNull();
    },
  );
});

describe("the endpoint of a broker in the cloud", () => {
  const local = "aws://local:local@us-east-1?endpoint=http%3A%2F%2F127.0.0.1%3A4566";
  it.each([
    ["sns-sqs", local, { host: "127.0.0.1", port: 4566, tls: false }],
    ["sns-sqs", "aws://eu-central-1", { host: "sqs.eu-central-1.amazonaws.com", port: 443, tls: true }],
    ["google-pubsub", recipes["google-pubsub"].url(8085), { host: "127.0.0.1", port: 8085, tls: false }],
    ["google-pubsub", "pubsub://a-project", { host: "pubsub.googleapis.com", port: 443, tls: true }],
    ["event-hubs", recipes["event-hubs"].url(5674), { host: "127.0.0.1", port: 5674, tls: false }],
    ["event-hubs", "eventhubs://shop", { host: "shop.servicebus.windows.net", port: 5671, tls: true }],
    ["event-hubs", "eventhubs://a:b%3D@shop.example", { host: "shop.example", port: 5671, tls: true }],
  ] as const)("%s at %s", (name, url, expected) => {
    expect(recipes[name].endpoint(url)).toEqual(expected);
  });

  it.each(["sns-sqs", "google-pubsub", "event-hubs"] as const)("%s cannot be told from nonsense", (name) => {
    expect(recipes[name].endpoint("nowhere")).toBeNull();
  });
});

describe("a URL in a message", () => {
  it.each([
    ["redis://user:secret@host:6379", "redis://user:***@host:6379"],
    ["redis://:secret@host:6379", "redis://:***@host:6379"],
    ["kafka://host:9092,other:9092", "kafka://host:9092,other:9092"],
  ])("%s is shown as %s", (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
  });
});
