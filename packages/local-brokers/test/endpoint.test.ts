import { describe, expect, it } from "vitest";
import { endpointOfUrl, withoutPassword } from "../src/network/endpoint.ts";

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

  it.each(["", "localhost:6379", "redis://", "kafka://:9092"])("%s names none", (url) => {
    expect(endpointOfUrl(url, 1)).toBeNull();
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
