import type { Endpoint } from "../network/endpoint.ts";
import { type GrpcExchange, grpcExchange } from "../network/grpc.ts";
import type { Probe } from "../network/probe.ts";

const listTopics = "/google.pubsub.v1.Publisher/ListTopics";
const unknownMethod = "/waybill.Probe/WhoAreYou";

const grpcStatus = { ok: 0, permissionDenied: 7, unimplemented: 12, unauthenticated: 16 } as const;

/** Asks for a list of topics. Which of the emulators it is shows in what it says of a method that does not exist. */
export async function probeGooglePubsub(endpoint: Endpoint, timeoutMs: number): Promise<Probe> {
  const answer = await grpcExchange(endpoint, listTopics, listTopicsRequest, timeoutMs);
  if (answer.kind === "refused") return { kind: "absent", reason: answer.reason };
  if (answer.kind === "strange" || answer.status === grpcStatus.unimplemented) {
    return { kind: "other", reason: "it does not answer as Pub/Sub does" };
  }
  const { ok, permissionDenied, unauthenticated } = grpcStatus;
  const ready = ([ok, permissionDenied, unauthenticated] as number[]).includes(answer.status);
  const refusal = await grpcExchange(endpoint, unknownMethod, Buffer.alloc(0), timeoutMs);
  return { kind: "speaks", version: emulatorOf(refusal), ready };
}

/** Google's emulator is a gRPC server of Java, pstest one of Go; the service itself is neither. */
function emulatorOf(refusal: GrpcExchange): string | null {
  if (refusal.kind !== "answered" || refusal.status !== grpcStatus.unimplemented) return null;
  if (refusal.message.startsWith("Method not found")) return "emulator";
  return refusal.message.startsWith("unknown service") ? "pstest" : null;
}

/** `{ project: "projects/waybill-local", page_size: 1 }` as protobuf writes it. */
const listTopicsRequest = (() => {
  const project = Buffer.from("projects/waybill-local");
  return Buffer.concat([Buffer.from([0x0a, project.length]), project, Buffer.from([0x10, 1])]);
})();
