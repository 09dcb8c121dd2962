import { type Address, type Classification, MessagingError } from "@waybill/core/spi";

/** The embedded broker speaks Waybill's words itself, so there is nothing to translate. */
export function classify(_cause: unknown): Classification | undefined {
  return undefined;
}

/** What error messages call an address, by the application's own names. */
export function title(address: Address): string {
  return address.kind === "group"
    ? `group "${address.group}" of topic "${address.name}"`
    : `${address.kind} "${address.name}"`;
}

export function notFound(address: Address): MessagingError {
  return new MessagingError("NOT_FOUND", `The ${title(address)} does not exist.`, {
    remedy: "Declare it first, or let the client create what is missing.",
    details: { kind: address.kind, name: address.name, group: address.group },
  });
}

export function removed(what: string): MessagingError {
  return new MessagingError("NOT_FOUND", `The ${what} was removed.`, { remedy: "Declare it again." });
}

export function overloaded(what: string): MessagingError {
  return new MessagingError("OVERLOADED", `The ${what} holds as much as it may.`, {
    remedy: "Consume it, or raise maxMessages or maxBytes of the embedded broker.",
  });
}

export function mismatch(address: Address, difference: string): MessagingError {
  return new MessagingError("TOPOLOGY_MISMATCH", `The ${title(address)} differs: ${difference}`, {
    remedy: "Remove it first, or use another name.",
  });
}

export function unreachable(): MessagingError {
  return new MessagingError("UNREACHABLE", "The embedded broker is stopped.", {
    remedy: "Start it with `start()`.",
  });
}

export function connectionLost(): MessagingError {
  return new MessagingError("CONNECTION_LOST", "The embedded broker cut the connection.", {
    remedy: "Connect again.",
  });
}

export function closed(what: string): MessagingError {
  return new MessagingError("CLOSED", `The ${what} is closed.`, { remedy: "Open another." });
}
