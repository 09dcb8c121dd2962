import { inspect } from "node:util";
import { expect, it } from "vitest";
import { adapter, snsSqs } from "../src/index.ts";
import { settingsFromUrl } from "../src/options.ts";

it("reads region, key and options from a URL", () => {
  const url = "aws://AKIA:s%2Fcret@eu-central-1?leaseMs=60000&endpoint=http%3A%2F%2F127.0.0.1%3A4566";
  expect(settingsFromUrl(url, {})).toMatchObject({
    region: "eu-central-1",
    accessKeyId: "AKIA",
    secretAccessKey: "s/cret",
    leaseMs: 60_000,
    endpoint: "http://127.0.0.1:4566",
  });
});

it("leaves region and credentials to the SDK", () => {
  const { region, accessKeyId, credentials } = settingsFromUrl("aws:", { AWS_ACCOUNT_ID: "123456789012" });
  expect([region, accessKeyId, credentials]).toEqual([undefined, undefined, undefined]);
});

it.each([
  ["an unknown option", "aws://eu-central-1?leasems=1", "UNKNOWN_OPTION"],
  ["a port", "aws://eu-central-1:4566", "INVALID_ARGUMENT"],
  ["a path", "aws://eu-central-1/queue", "INVALID_ARGUMENT"],
  ["a region given twice", "aws://eu-central-1?region=eu-west-1", "INVALID_ARGUMENT"],
  ["a key without its secret", "aws://AKIA@eu-central-1", "INVALID_ARGUMENT"],
  ["a token without a key", "aws://eu-central-1?sessionToken=hush", "INVALID_ARGUMENT"],
  ["an endpoint that is none", "aws://eu-central-1?endpoint=localhost:4566", "INVALID_ARGUMENT"],
  ["an account that is none", "aws://eu-central-1?accountId=me", "INVALID_ARGUMENT"],
  ["a lease below a second", "aws://eu-central-1?leaseMs=999", "INVALID_ARGUMENT"],
  ["a poll that does not wait", "aws://eu-central-1?waitSeconds=0", "INVALID_ARGUMENT"],
  ["a wait that SQS does not know", "aws://eu-central-1?waitSeconds=21", "INVALID_ARGUMENT"],
])("refuses %s", (_, url, code) => {
  expect(() => adapter.fromUrl(url, {})).toThrow(expect.objectContaining({ code }));
});

it("never shows a secret", () => {
  const secret = "hush-hush";
  for (const url of [
    `aws://AKIA:${secret}@eu-central-1?nonsense=1`,
    `aws://AKIA:${secret}@eu central 1`,
    `aws://:${secret}@x`,
    `aws://AKIA:12?${secret}@eu-central-1`,
    `aws://eu-central-1?leaseMs=${secret}`,
  ]) {
    expect(() => adapter.fromUrl(url, {})).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining(secret) }),
    );
  }
  const driver = snsSqs({ region: "eu-central-1", accessKeyId: "AKIA", secretAccessKey: secret });
  expect(inspect(driver, { depth: 10 })).not.toContain(secret);
});

it("allows messages that are larger only where topics are", () => {
  expect(snsSqs().capabilities.limits.messageBytes).toBe(193_536);
  expect(snsSqs({ messageBytes: 1_048_576 }).capabilities.limits.messageBytes).toBe(783_360);
});
