import type { ConsumerGroup, Hub } from "../namespace/hub.ts";

/** The media types of the service's answers. */
export const ENTRY_TYPE = "application/atom+xml;type=entry;charset=utf-8";
export const FEED_TYPE = "application/atom+xml;type=feed;charset=utf-8";

const SERVICE_NAMESPACE = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const ARRAYS_NAMESPACE = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
const INSTANCE_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";
const DAY_MS = 86_400_000;

/** One entity as the service describes it. */
export interface Entry {
  readonly title: string;
  /** The entity's own URL. */
  readonly url: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The description element. */
  readonly content: string;
}

export function entryDocument(entry: Entry): string {
  return entryElement(entry, ` xmlns="http://www.w3.org/2005/Atom"`);
}

export function feedDocument(title: string, url: string, entries: readonly Entry[]): string {
  const updated = Math.max(0, ...entries.map((entry) => entry.updatedAt));
  return [
    `<feed xmlns="http://www.w3.org/2005/Atom">`,
    `<title type="text">${escapeXml(title)}</title>`,
    `<id>${escapeXml(url)}</id>`,
    `<updated>${date(updated)}</updated>`,
    `<link rel="self" href="${escapeXml(url)}"/>`,
    ...entries.map((entry) => entryElement(entry, "")),
    "</feed>",
  ].join("");
}

function entryElement(entry: Entry, attributes: string): string {
  return [
    `<entry${attributes}>`,
    `<id>${escapeXml(entry.url)}</id>`,
    `<title type="text">${escapeXml(entry.title)}</title>`,
    `<published>${date(entry.createdAt)}</published>`,
    `<updated>${date(entry.updatedAt)}</updated>`,
    "<author><name>emulator</name></author>",
    `<link rel="self" href="${escapeXml(entry.url)}"/>`,
    `<content type="application/xml">${entry.content}</content>`,
    "</entry>",
  ].join("");
}

export function hubEntry({ name, description, partitions }: Hub, url: string): Entry {
  const { createdAt, updatedAt, retentionMs } = description;
  const content = [
    `<EventHubDescription xmlns="${SERVICE_NAMESPACE}" xmlns:i="${INSTANCE_NAMESPACE}">`,
    `<MessageRetentionInDays>${Math.max(1, Math.ceil(retentionMs / DAY_MS))}</MessageRetentionInDays>`,
    "<AuthorizationRules></AuthorizationRules>",
    "<Status>Active</Status>",
    `<CreatedAt>${date(createdAt)}</CreatedAt>`,
    `<UpdatedAt>${date(updatedAt)}</UpdatedAt>`,
    `<PartitionCount>${partitions.length}</PartitionCount>`,
    `<PartitionIds xmlns:d2p1="${ARRAYS_NAMESPACE}">`,
    ...partitions.map(({ id }) => `<d2p1:string>${id}</d2p1:string>`),
    "</PartitionIds>",
    "</EventHubDescription>",
  ].join("");
  return { title: name, url, createdAt, updatedAt, content };
}

export function groupEntry(group: ConsumerGroup, url: string): Entry {
  const { name, createdAt, userMetadata } = group;
  const content = [
    `<ConsumerGroupDescription xmlns="${SERVICE_NAMESPACE}" xmlns:i="${INSTANCE_NAMESPACE}">`,
    `<CreatedAt>${date(createdAt)}</CreatedAt>`,
    `<UpdatedAt>${date(createdAt)}</UpdatedAt>`,
    userMetadata === "" ? "" : `<UserMetadata>${escapeXml(userMetadata)}</UserMetadata>`,
    "</ConsumerGroupDescription>",
  ].join("");
  return { title: name, url, createdAt, updatedAt: createdAt, content };
}

export function errorDocument(status: number, detail: string): string {
  return `<Error><Code>${status}</Code><Detail>${escapeXml(detail)}</Detail></Error>`;
}

function date(time: number): string {
  return new Date(time).toISOString();
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
