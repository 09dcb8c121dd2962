import type { Hub } from "../namespace/hub.ts";
import type { Namespace } from "../namespace/namespace.ts";
import { CONDITION, entityNotFound, ServiceError } from "../namespace/service-error.ts";
import {
  ENTRY_TYPE,
  type Entry,
  entryDocument,
  FEED_TYPE,
  feedDocument,
  groupEntry,
  hubEntry,
} from "./atom.ts";
import { readGroupDescription, readHubDescription } from "./description.ts";

export interface ApiRequest {
  readonly method: string;
  /** Path segments, decoded. */
  readonly path: readonly string[];
  /** Scheme and host as the client named them. */
  readonly origin: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** With `If-Match: *` a PUT changes what exists. */
  readonly mayReplace: boolean;
}

export interface ApiResponse {
  readonly status: number;
  readonly type?: string;
  readonly body?: string;
}

const DEFAULT_PAGE = 100;

/** Hubs and consumer groups over HTTP: the Atom API of Event Hubs and Service Bus. */
export function manage(request: ApiRequest, namespace: Namespace): ApiResponse {
  const [first = "", second, third, ...more] = request.path;
  if (more.length > 0) throw entityNotFound(request.path.join("/"));
  if (first.toLowerCase() === "$resources" && /^eventhubs$/i.test(second ?? "") && third === undefined) {
    return listHubs(request, namespace);
  }
  if (second === undefined) return manageHub(request, namespace, first);
  if (second.toLowerCase() !== "consumergroups") throw entityNotFound(request.path.join("/"));
  const hub = namespace.requireHub(first);
  return third === undefined ? listGroups(request, hub) : manageGroup(request, namespace, hub, third);
}

function manageHub(request: ApiRequest, namespace: Namespace, name: string): ApiResponse {
  const answer = (status: number, hub: Hub): ApiResponse =>
    entry(status, hubEntry(hub, hubUrl(request, hub.name)));
  switch (request.method) {
    case "GET":
      return answer(200, namespace.requireHub(name));
    case "PUT": {
      const settings = readHubDescription(request.body);
      if (!request.mayReplace) return answer(201, namespace.createHub(name, settings));
      const hub = namespace.requireHub(name);
      namespace.updateHub(hub, settings);
      return answer(200, hub);
    }
    case "DELETE":
      namespace.deleteHub(name);
      return { status: 200 };
    default:
      throw notAllowed(request.method);
  }
}

function manageGroup(request: ApiRequest, namespace: Namespace, hub: Hub, name: string): ApiResponse {
  const url = (group: string): string =>
    `${request.origin}/${hub.name}/consumergroups/${group}?${request.query}`;
  switch (request.method) {
    case "GET": {
      const group = hub.requireGroup(name);
      return entry(200, groupEntry(group, url(group.name)));
    }
    case "PUT": {
      const metadata = readGroupDescription(request.body);
      if (!request.mayReplace)
        return entry(201, groupEntry(namespace.createGroup(hub, name, metadata), url(name)));
      const group = namespace.updateGroup(hub, name, metadata);
      return entry(200, groupEntry(group, url(group.name)));
    }
    case "DELETE":
      namespace.deleteGroup(hub, name);
      return { status: 200 };
    default:
      throw notAllowed(request.method);
  }
}

function listHubs(request: ApiRequest, namespace: Namespace): ApiResponse {
  if (request.method !== "GET") throw notAllowed(request.method);
  const entries = page(request, namespace.hubs).map((hub) => hubEntry(hub, hubUrl(request, hub.name)));
  return feed("Event Hubs", `${request.origin}/$Resources/EventHubs?${request.query}`, entries);
}

function listGroups(request: ApiRequest, hub: Hub): ApiResponse {
  if (request.method !== "GET") throw notAllowed(request.method);
  const url = `${request.origin}/${hub.name}/consumergroups`;
  const entries = page(request, hub.groups).map((group) =>
    groupEntry(group, `${url}/${group.name}?${request.query}`),
  );
  return feed("Publicly Listed Services", `${url}?${request.query}`, entries);
}

/** The part of a list that `$skip` and `$top` ask for; in order of names. */
function page<Named extends { name: string }>({ query }: ApiRequest, all: Named[]): Named[] {
  const skip = naturalOr(0, query.get("$skip"));
  const top = naturalOr(DEFAULT_PAGE, query.get("$top"));
  return all.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(skip, skip + top);
}

function naturalOr(fallback: number, text: string | null): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : fallback;
}

function hubUrl(request: ApiRequest, name: string): string {
  return `${request.origin}/${name}?${request.query}`;
}

function entry(status: number, content: Entry): ApiResponse {
  return { status, type: ENTRY_TYPE, body: entryDocument(content) };
}

function feed(title: string, url: string, entries: readonly Entry[]): ApiResponse {
  return { status: 200, type: FEED_TYPE, body: feedDocument(title, url, entries) };
}

function notAllowed(method: string): ServiceError {
  return new ServiceError(CONDITION.notAllowed, `${method} is not possible here.`);
}
