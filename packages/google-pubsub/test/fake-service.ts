import { PubSub, protos } from "@google-cloud/pubsub";
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";

const v1 = protos.google.pubsub.v1;

type Answer = Readonly<Record<string, unknown>> | Failure | "never";
export type Handler = (request: Record<string, unknown>) => Answer;

/** An answer with a gRPC status, as the service gives it. */
export class Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata = new Metadata();

  /** `info`: what google.rpc.ErrorInfo says of single ids. */
  constructor(code: number, details: string, info?: Readonly<Record<string, string>>) {
    this.code = code;
    this.details = details;
    if (info !== undefined) this.metadata.set("grpc-status-details-bin", statusDetails(code, details, info));
  }
}

const messages = {
  Publisher: {
    Publish: [v1.PublishRequest, v1.PublishResponse],
    CreateTopic: [v1.Topic, v1.Topic],
    GetTopic: [v1.GetTopicRequest, v1.Topic],
  },
  Subscriber: {
    Pull: [v1.PullRequest, v1.PullResponse],
    Acknowledge: [v1.AcknowledgeRequest, protos.google.protobuf.Empty],
    ModifyAckDeadline: [v1.ModifyAckDeadlineRequest, protos.google.protobuf.Empty],
    CreateSubscription: [v1.Subscription, v1.Subscription],
    GetSubscription: [v1.GetSubscriptionRequest, v1.Subscription],
    DeleteSubscription: [v1.DeleteSubscriptionRequest, protos.google.protobuf.Empty],
  },
} as const;

/** Speaks google.pubsub.v1 and answers what the test says: the place to play what a real service does on bad days. */
export class FakeService {
  readonly requests: { readonly method: string; readonly request: Record<string, unknown> }[] = [];
  readonly #server = new Server();
  readonly #handlers: Record<string, Handler>;
  #port = 0;

  constructor(handlers: Record<string, Handler> = {}) {
    this.#handlers = { ...usual, ...handlers };
  }

  /** From now on it answers so. */
  on(method: string, handler: Handler): void {
    this.#handlers[method] = handler;
  }

  asked(method: string): Record<string, unknown>[] {
    return this.requests.filter((each) => each.method === method).map(({ request }) => request);
  }

  async start(): Promise<void> {
    for (const [service, methods] of Object.entries(messages)) {
      const definition: Record<string, unknown> = {};
      const implementation: UntypedServiceImplementation = {};
      for (const [method, [Request, Response]] of Object.entries(methods)) {
        definition[method] = {
          path: `/google.pubsub.v1.${service}/${method}`,
          requestStream: false,
          responseStream: false,
          requestSerialize: () => Buffer.alloc(0),
          requestDeserialize: (bytes: Buffer) => Request.toObject(Request.decode(bytes) as never, plain),
          responseSerialize: (value: object) =>
            Buffer.from(Response.encode(Response.fromObject(value) as never).finish()),
          responseDeserialize: () => ({}),
        };
        implementation[method] = (call: { request: Record<string, unknown> }, callback: Callback) =>
          this.#answer(method, call.request, callback);
      }
      this.#server.addService(definition as ServiceDefinition, implementation);
    }
    this.#port = await new Promise((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** A client that takes this for the service itself, and not for an emulator. */
  client(): PubSub {
    return new PubSub({
      projectId: "project",
      apiEndpoint: this.host,
      emulatorMode: false,
      sslCreds: credentials.createInsecure(),
      clientOptions: { universeDomain: "googleapis.com" },
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  #answer(method: string, request: Record<string, unknown>, callback: Callback): void {
    this.requests.push({ method, request });
    const answer = this.#handlers[method]?.(request) ?? new Failure(12, `Nobody plays ${method}.`);
    if (answer === "never") return;
    if (answer instanceof Failure) callback(answer);
    else callback(null, answer);
  }
}

type Callback = (error: Failure | null, value?: object) => void;

const plain = { longs: Number, defaults: true } as const;

/** All is well, and nothing is there. */
const usual: Readonly<Record<string, Handler>> = {
  Publish: ({ messages }) => ({ messageIds: (messages as unknown[]).map((_, index) => String(index)) }),
  CreateTopic: (request) => request,
  GetTopic: ({ topic }) => ({ name: topic }),
  Pull: () => "never",
  Acknowledge: () => ({}),
  ModifyAckDeadline: ({ subscription }) =>
    String(subscription).includes("waybill..") ? new Failure(5, "Resource not found") : {},
  CreateSubscription: (request) => request,
  GetSubscription: ({ subscription }) => ({
    name: subscription,
    topic: `projects/project/topics/${String(subscription).split("/").at(-1)}`,
    ackDeadlineSeconds: 20,
  }),
  DeleteSubscription: () => ({}),
};

/** google.rpc.Status with one google.rpc.ErrorInfo, as the wire has it. */
function statusDetails(code: number, message: string, info: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(info).map(([id, reason]) => field(3, [field(1, id), field(2, reason)]));
  const errorInfo = Buffer.concat([field(1, "ACK"), field(2, "pubsub.googleapis.com"), ...entries]);
  const any = [field(1, "type.googleapis.com/google.rpc.ErrorInfo"), field(2, errorInfo)];
  return Buffer.concat([Buffer.from([0x08, code]), field(2, message), field(3, any)]);
}

function field(number: number, value: string | Buffer | Buffer[]): Buffer {
  const bytes = Array.isArray(value) ? Buffer.concat(value) : Buffer.from(value as string);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), bytes]);
}
