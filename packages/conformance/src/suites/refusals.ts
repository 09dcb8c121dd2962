import assert from "node:assert/strict";
import { allFeatures } from "@waybill/core/spi";
import { suite } from "../case.ts";
import { failure } from "../failing.ts";
import { provesRefusal, watched, withCapabilities } from "../refusing.ts";

const kebab = (name: string) => name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);

/** G12. What is absent is refused: proven on every adapter, if need be with the feature struck from its declaration. */
export const refusals = suite("refusals", [
  ...allFeatures.map((feature) => ({
    id: kebab(feature),
    title: `Without the feature "${feature}", every use of it is refused before any I/O, with a remedy.`,
    guarantee: "G12" as const,
    run: (context: Parameters<typeof provesRefusal>[0]) => provesRefusal(context, feature),
  })),
  {
    id: "replay-from-elsewhere",
    title: "A replay from where this broker cannot start is refused before any I/O.",
    guarantee: "G12",
    needs: ["broadcast", "replay"],
    async run(context) {
      const plain = context.driver();
      const { features } = plain.capabilities;
      const { driver, calls } = watched(
        withCapabilities(plain, {
          ...plain.capabilities,
          features: { ...features, replay: { how: "native", from: ["earliest"] } },
        }),
      );
      const client = await context.connect({}, driver);
      calls.length = 0;
      const topic = context.topic({ retained: true });
      for (const start of [{ time: Date.now() }, { position: "1" }]) {
        await failure(
          () => client.subscribe(topic, { broadcast: true, start }, () => undefined),
          "UNSUPPORTED",
        );
      }
      assert.deepEqual(calls, []);
    },
  },
  {
    id: "group-start-elsewhere",
    title: "A group start that this broker does not have is refused before any I/O.",
    guarantee: "G12",
    needs: ["groupStart"],
    async run(context) {
      const plain = context.driver();
      const { features } = plain.capabilities;
      const { driver, calls } = watched(
        withCapabilities(plain, {
          ...plain.capabilities,
          features: { ...features, groupStart: { how: "native", from: ["earliest"] } },
        }),
      );
      const client = await context.connect({}, driver);
      calls.length = 0;
      const topic = context.topic({ retained: true });
      for (const start of [{ time: Date.now() }, { position: "1" }]) {
        const group = context.name();
        await failure(() => client.subscribe(topic, { group, start }, () => undefined), "UNSUPPORTED");
      }
      assert.deepEqual(calls, []);
    },
  },
]);
