export type {
  BrokerProcess,
  ConformanceTarget,
  Endpoint,
  ForeignListener,
  ForeignMessage,
  ForeignPeer,
  Quirk,
} from "./target.ts";
