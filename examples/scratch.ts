import { randomUUID } from "node:crypto";

/**
 * Client options that give this run names of its own, so that examples can share a
 * broker with others and with each other. An application of yours needs no such thing.
 */
export const scratch = { prefix: `example-${randomUUID().slice(0, 8)}.` };
