import type { ServiceClock } from "./service-clock.ts";

/** What gRPC lets a client see of each of its calls. */
interface GrpcCall {
  readonly call: {
    on(event: "metadata", listener: (metadata: ResponseMetadata) => void): unknown;
    on(event: "status", listener: (status: { readonly metadata: ResponseMetadata }) => void): unknown;
  };
}

interface ResponseMetadata {
  get(name: string): readonly unknown[];
}

type CallTransformer = <C extends GrpcCall>(call: C) => C;

/** The name under which the vendor's clients hand such a function to gRPC. */
const transformerOption = "grpc.callInvocationTransformer";

/**
 * An option for the vendor's clients: the clock is told the date of every response, which Google's front ends
 * write and emulators do not. Keeps what `config` has of the kind.
 */
export function datedCalls(
  config: object,
  clock: ServiceClock,
): { readonly [transformerOption]: CallTransformer } {
  const { [transformerOption]: given } = config as { readonly [transformerOption]?: CallTransformer };
  return {
    [transformerOption]: (call) => {
      const askedAt = performance.now();
      const note = (metadata: ResponseMetadata | undefined) =>
        clock.noteDate(metadata?.get("date")[0], askedAt);
      call.call.on("metadata", note);
      // A refusal has its headers there.
      call.call.on("status", ({ metadata }) => note(metadata));
      return given === undefined ? call : given(call);
    },
  };
}
