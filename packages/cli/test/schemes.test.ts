import { adapterPackageOf } from "@waybill/core";
import { adapter as eventHubs } from "@waybill/event-hubs";
import { adapter as googlePubsub } from "@waybill/google-pubsub";
import { adapter as kafka } from "@waybill/kafka";
import { adapter as memory } from "@waybill/memory";
import { adapter as rabbitmq } from "@waybill/rabbitmq";
import { adapter as redis } from "@waybill/redis";
import { adapter as snsSqs } from "@waybill/sns-sqs";
import { describe, expect, it } from "vitest";

const packages = {
  "@waybill/event-hubs": eventHubs,
  "@waybill/google-pubsub": googlePubsub,
  "@waybill/kafka": kafka,
  "@waybill/memory": memory,
  "@waybill/rabbitmq": rabbitmq,
  "@waybill/redis": redis,
  "@waybill/sns-sqs": snsSqs,
};

describe("every scheme that an adapter names", () => {
  for (const [name, { schemes }] of Object.entries(packages)) {
    it(`is known to connect: ${schemes.map((scheme) => `${scheme}:`).join(", ")}`, () => {
      for (const scheme of schemes) expect(adapterPackageOf(`${scheme}://host`)).toBe(name);
    });
  }
});
