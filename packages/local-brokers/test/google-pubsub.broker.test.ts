import { describe, expect, it } from "vitest";
import { findEmulatorJar } from "../src/google-pubsub/emulator-jar.ts";
import { probeHere } from "../src/probe-here.ts";
import { findOnPath } from "../src/process/on-path.ts";
import { recipes } from "../src/registry.ts";
import { startOwn } from "./own-home.ts";

const hasEmulator = findEmulatorJar(process.env) !== null && findOnPath("java", process.env) !== null;
const hasGo = findOnPath("go", process.env) !== null;

describe("the emulator of Google Pub/Sub that the environment chooses", () => {
  // Skipped where this computer has no Cloud SDK with the emulator, or no Go.
  it.skipIf(!hasEmulator)("is Google's emulator", () => isStarted("google", "emulator"));
  it.skipIf(!hasGo)("is pstest", () => isStarted("pstest", "pstest"));
});

async function isStarted(emulator: string, called: string): Promise<void> {
  await using broker = await startOwn("google-pubsub", { WAYBILL_GOOGLE_PUBSUB_EMULATOR: emulator });
  expect(broker.status.version).toMatch(new RegExp(`^${called} \\d`));
  expect(broker.control.keepsData).toBe(false);
  // Somebody who finds it listening is told as well.
  const found = await probeHere(recipes["google-pubsub"], broker.port);
  expect(found).toEqual({ kind: "speaks", version: called, ready: true });
}
