import { expect, it } from "vitest";
import { adapter, googlePubsub } from "../src/index.ts";
import { readSettings, settingsFromUrl } from "../src/options.ts";

it("reads a URL with all its parts", () => {
  expect(settingsFromUrl("pubsub://my-project?leaseMs=30000&exactlyOnce=true", {})).toMatchObject({
    projectId: "my-project",
    leaseMs: 30_000,
    exactlyOnce: true,
    emulatorHost: undefined,
  });
  expect(settingsFromUrl("pubsub://example.com:legacy-1/", {}).projectId).toBe("example.com:legacy-1");
});

it("takes what the URL leaves out from where Google's own tools do", () => {
  const env = {
    GOOGLE_CLOUD_PROJECT: "env-project",
    PUBSUB_EMULATOR_HOST: "localhost:8085",
    GOOGLE_APPLICATION_CREDENTIALS: "/key.json",
  };
  expect(settingsFromUrl("pubsub://", env)).toMatchObject({
    projectId: "env-project",
    emulatorHost: "localhost:8085",
    keyFilename: "/key.json",
  });
  expect(settingsFromUrl("pubsub://other", env).projectId).toBe("other");
});

it.each([
  ["pubsub://project?nonsense=1", "UNKNOWN_OPTION"],
  ["pubsub://project?leaseMs=soon", "INVALID_ARGUMENT"],
  ["pubsub://project?leaseMs=600001", "INVALID_ARGUMENT"],
  ["pubsub://project?projectId=other", "INVALID_ARGUMENT"],
  ["pubsub://project?emulatorHost=localhost", "INVALID_ARGUMENT"],
  ["pubsub://project?replyTopic=google", "INVALID_ARGUMENT"],
  ["pubsub://project?credentials=secret", "INVALID_ARGUMENT"],
  ["pubsub://pro%20ject", "INVALID_ARGUMENT"],
])("refuses %s", (url, code) => {
  expect(() => adapter.fromUrl(url, {})).toThrow(expect.objectContaining({ code }));
});

it("shows no credentials in an error", () => {
  const credentials = "private-key-text" as never;
  expect(() => readSettings({ credentials })).toThrow(/credentials/);
  expect(() => readSettings({ credentials })).not.toThrow(/private-key-text/);
  const url = "https://user:s3cret@host";
  for (const option of ["emulatorHost", "replyTopic", "leaseMs"]) {
    expect(() => adapter.fromUrl(`pubsub://project?${option}=${url}`, {})).toThrow(option);
    expect(() => adapter.fromUrl(`pubsub://project?${option}=${url}`, {})).not.toThrow(/s3cret/);
  }
});

it("declares the lease that it is given", () => {
  expect(googlePubsub({ leaseMs: 45_000 }).capabilities.lease.ms).toBe(45_000);
});
