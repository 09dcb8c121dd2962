import { describe, expect, it } from "vitest";
import { withoutCredentials } from "../src/errors/credentials.ts";
import { errorText, thrownText } from "../src/errors/error-text.ts";
import { MessagingError } from "../src/errors/messaging-error.ts";
import { utf8Length } from "../src/runtime/utf8-length.ts";
import { normalise } from "../src/spi/normalise.ts";
import { ScriptedDriver } from "./scripted-driver.ts";

const throwing = (name: string, target: object = {}) =>
  Object.defineProperty(target, name, {
    enumerable: true,
    get: () => {
      throw new Error("a getter");
    },
  });

describe("the text of anything thrown", () => {
  const cases: [unknown, string][] = [
    [new Error("said"), "said"],
    ["text", "text"],
    [5, "5"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
    [{ message: "of another realm" }, "of another realm"],
    [{ code: 7, why: "no stock", more: {} }, 'code: 7, why: "no stock"'],
    [{ password: "secret", user: "me" }, 'password: ***, user: "me"'],
    [{ db_pw: "abc", cookie: "abc" }, "db_pw: ***, cookie: ***"],
    [Object.assign(new Error("x"), { message: { code: 42 } }), "code: 42"],
    [Object.create(null), "an object without a message"],
    [new Error(""), ""],
    [throwing("message"), "an error that cannot be shown"],
    [
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("a trap");
          },
        },
      ),
      "an error that cannot be shown",
    ],
    [
      throwing("name", Object.assign(new Error("x"), { message: undefined })),
      "an error that cannot be shown",
    ],
  ];
  for (const [thrown, text] of cases) {
    it(`is ${JSON.stringify(text)}`, () => {
      expect(thrownText(thrown)).toBe(text);
      expect(errorText(thrown)).toBe(text);
      expect(normalise(new ScriptedDriver(), thrown).message).toContain(text);
    });
  }

  it("is at most 4 KiB, and 1000 bytes in a header, well-formed however it is cut", () => {
    for (const long of ["a ".repeat(1e6), "😀".repeat(1e5), "\ud800".repeat(1e5)]) {
      expect(thrownText(new Error(long)).length).toBeLessThanOrEqual(4_097);
      expect(thrownText(long).isWellFormed()).toBe(true);
      expect(utf8Length(errorText(long))).toBeLessThanOrEqual(1_000);
      expect(errorText(long).isWellFormed()).toBe(true);
    }
  });

  it("that a driver cannot even look at is unknown to it", () => {
    const driver = new ScriptedDriver();
    driver.classify = () => {
      throw new TypeError("no");
    };
    expect(normalise(driver, new Error("x"))).toMatchObject({ code: "BROKER_ERROR", retryable: true });
  });
});

describe("credentials", () => {
  const cases: [string, string][] = [
    ["connect ECONNREFUSED amqp://app:s3cret@broker:5672", "connect ECONNREFUSED amqp://***@broker:5672"],
    ["amqp://a:b@h redis://c:p@ss@i, kafka://j", "amqp://***@h redis://***@i, kafka://j"],
    [
      "Endpoint=sb://n/;SharedAccessKey=abc=;EntityPath=x",
      "Endpoint=sb://n/;SharedAccessKey=***;EntityPath=x",
    ],
    ["kafka://h?password=abc&ssl=true", "kafka://h?password=***&ssl=true"],
    ["nothing to hide: a=b", "nothing to hide: a=b"],
    ["AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"],
    ['{"password":"abc def","user":"me"}', '{"password":***,"user":"me"}'],
    ['{\\"password\\":\\"abc\\"}', '{\\"password\\":***}'],
    ["api_key: abc, x-api-key: abc", "api_key: ***, x-api-key: ***"],
    ["password = abc; pass=abc", "password = ***; pass=***"],
    ["password='abc def' for app", "password=*** for app"],
    ["Authorization: Bearer abc.def was refused", "Authorization: *** was refused"],
    ["sent Bearer abc.def", "sent Bearer ***"],
    ["https://h/?X-Amz-Signature=abc&key=abc", "https://h/?X-Amz-Signature=***&key=***"],
    ["-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----.", "***."],
    ["user app, pw=abc, db_pass: abc", "user app, pw=***, db_pass: ***"],
    ["ran with --password abc --force", "ran with --password *** --force"],
    ["sent X-Api-Key abc", "sent X-Api-Key ***"],
    ["Cookie: session=abc; id=abc was refused", "Cookie: *** was refused"],
    ["Set-Cookie: sid=abc; Path=/; HttpOnly", "Set-Cookie: ***; HttpOnly"],
    ['{"cookie":"sid=abc"}', '{"cookie":"***"}'],
    ['Authorization: Digest username="me", response="abc"', "Authorization: ***"],
    ["no answer from app:abc@broker:5672, giving up", "no answer from ***@broker:5672, giving up"],
    [":abc@[::1]:6379 a:b@c@h:1", "***@[::1]:6379 ***@h:1"],
    ["sent eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOjF9.abc-def, refused", "sent ***, refused"],
    ["sk_live_abcdefghij, ghp_abcdefghij, xoxb-1234-abcdef", "***, ***, ***"],
    ["AKIAIOSFODNN7EXAMPLE/abc", "AKIAIOSFODNN7EXAMPLE/***"],
  ];
  for (const [text, expected] of cases) {
    it(`are taken out of ${text}`, () => expect(withoutCredentials(text)).toBe(expected));
  }

  for (const text of [
    "a bypass of the keyboard: 5",
    "--token is missing, and the option --key needs a value",
    "X-Api-Key header missing",
    "usage: waybill --token <token>",
    "--password --verbose",
    "Contact ada@example.com:443 before 12:30",
    "git@github.com:22: Permission denied",
    "connect ECONNREFUSED 127.0.0.1:5672",
    "at run (file:///app/node_modules/.pnpm/x@1.0.0/node_modules/x/index.js:12:5)",
    "at run (/app/node_modules/.pnpm/x@1.0.0/node_modules/x/index.js:12:5)",
    "npm_config_registry and npm_lifecycle_event_of_some_more_length",
    "sk-learn-pipelines-of-some-more-length",
    "no cookie: retry later",
    "AKIAIOSFODNN7EXAMPLE has no access",
    "Unexpected token } in JSON at position 5",
  ]) {
    it(`are not seen in ${text}`, () => expect(withoutCredentials(text)).toBe(text));
  }

  it("take time in proportion to the text", () => {
    for (const part of [
      "password",
      "secret=",
      "authorization ",
      "-----BEGIN PRIVATE KEY-----",
      "key: ",
      "token ",
      "eyJaaaaaaaaaaa.",
      "a:b@",
      "@h:1",
      "--a-a-a-",
      "--key ",
      "cookie: a=b;",
      "Digest authorization: Digest ",
    ]) {
      const before = performance.now();
      withoutCredentials(part.repeat(80_000));
      // Some 30 ms; with a square in it, minutes.
      expect(performance.now() - before, part).toBeLessThan(5_000);
    }
  });

  it("are in no part of an error as plain data", () => {
    const error = new MessagingError("HANDLER_FAILED", "cannot reach redis://u:abc@h", {
      details: { password: "abc", nested: { apiKey: "abc", db_pw: "abc" }, url: "redis://u:abc@h" },
      remedy: "Use redis://u:abc@h.",
    });
    expect(JSON.stringify(error)).not.toContain("abc");
  });

  it("are not shown by a text that is cut before their end", () => {
    const text = `${"x ".repeat(2_040)}amqp://user:s3cret${"y".repeat(100)}@host`;
    expect(thrownText(text)).not.toContain("s3cret");
    expect(thrownText(`amqp://user:s3cret${"y".repeat(5_000)}@host`)).not.toContain("s3cret");
    expect(thrownText(`${"x ".repeat(2_040)}user:s3cret${"y".repeat(100)}@host:1`)).not.toContain("s3cret");
  });
});
