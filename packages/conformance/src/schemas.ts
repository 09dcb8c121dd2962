import type { StandardSchema } from "@waybill/core";

/** A schema that takes positive numbers only. */
export const onlyPositive: StandardSchema<number> = {
  "~standard": {
    version: 1,
    vendor: "waybill-conformance",
    validate: (value) =>
      typeof value === "number" && value > 0
        ? { value }
        : { issues: [{ message: "Expected a positive number" }] },
  },
};
