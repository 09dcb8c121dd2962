import { ContainerClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { MessagingError } from "@waybill/core/spi";
import type { AzureCredential } from "../client/tokens.ts";
import type { GroupCheckpoint, GroupStore, PartitionOwnership } from "./checkpoint-store.ts";

/** Azurite's account; its key is public (https://learn.microsoft.com/azure/storage/common/storage-use-azurite). */
const devAccount = "devstoreaccount1";
const devKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/** Core repeats what failed; the client itself tries again for a moment only. */
const retryOptions = { maxTries: 2, tryTimeoutInMs: 5_000, retryDelayInMs: 100, maxRetryDelayInMs: 500 };

/** Where a checkpoint's notes are; other processors leave it away when they write one. */
const notesName = "waybillnotes";

/** What a blob's metadata holds, by kind of record. */
type Kind = "ownership" | "checkpoint";

/**
 * Checkpoints in Azure Blob Storage, in the format that the processors of all Azure SDKs
 * share: an empty blob `<namespace>/<hub>/<group>/<kind>/<partition>` for each record, with
 * its fields as metadata. Unlike in the vendor's store, two first claims of a partition
 * cannot both succeed.
 */
export class BlobStore implements GroupStore {
  readonly #container: ContainerClient;
  #ready: Promise<unknown> | undefined;

  /** `https://<account>.blob.core.windows.net/<container>`, with `?<SAS>`, `<account>:<key>@`, or an Azure credential. */
  static async open(url: string, credential: () => Promise<AzureCredential>): Promise<BlobStore> {
    const parsed = URL.parse(url);
    if (parsed === null) {
      // Not Node's own error, which shows the URL and so the key in it.
      throw new MessagingError("INVALID_ARGUMENT", "Option checkpoints of event-hubs is no valid URL.", {
        remedy: "Write it as https://<account>.blob.core.windows.net/<container>.",
      });
    }
    const { username, password } = parsed;
    parsed.username = "";
    parsed.password = "";
    const isDev = parsed.pathname.startsWith(`/${devAccount}/`);
    if (parsed.search !== "" && username === "") {
      return new BlobStore(new ContainerClient(parsed.href, undefined, { retryOptions }));
    }
    const by =
      username !== "" || isDev
        ? new StorageSharedKeyCredential(
            decodeURIComponent(username) || devAccount,
            decodeURIComponent(password) || devKey,
          )
        : ((await credential()) as never);
    return new BlobStore(new ContainerClient(parsed.href, by, { retryOptions }));
  }

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  async listOwnership(namespace: string, hub: string, group: string): Promise<PartitionOwnership[]> {
    const ownerships: PartitionOwnership[] = [];
    for await (const { partitionId, metadata, etag, modified } of this.#list(
      "ownership",
      namespace,
      hub,
      group,
    )) {
      ownerships.push({
        fullyQualifiedNamespace: namespace,
        eventHubName: hub,
        consumerGroup: group,
        partitionId,
        ownerId: metadata.ownerid ?? "",
        etag,
        lastModifiedTimeInMs: modified,
      });
    }
    return ownerships;
  }

  async claimOwnership(claims: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    await this.#made();
    const results = await Promise.all(claims.map((claim) => this.#claim(claim)));
    return results.filter((claim) => claim !== undefined);
  }

  async updateCheckpoint(checkpoint: GroupCheckpoint): Promise<void> {
    await this.#made();
    const { sequenceNumber, offset, notes } = checkpoint;
    const blob = this.#container.getBlockBlobClient(nameOf("checkpoint", checkpoint));
    const metadata = {
      sequencenumber: String(sequenceNumber),
      offset,
      ...(notes === undefined ? {} : { [notesName]: notes }),
    };
    try {
      await blob.setMetadata(metadata);
    } catch (cause) {
      if (statusOf(cause) !== 404) throw cause;
      await blob.upload("", 0, { metadata });
    }
  }

  async listCheckpoints(namespace: string, hub: string, group: string): Promise<GroupCheckpoint[]> {
    const checkpoints: GroupCheckpoint[] = [];
    for await (const { partitionId, metadata } of this.#list("checkpoint", namespace, hub, group)) {
      const sequenceNumber = Number(metadata.sequencenumber);
      // Some processors write offsets only; those say nothing here.
      if (metadata.sequencenumber === undefined || !Number.isSafeInteger(sequenceNumber)) continue;
      checkpoints.push({
        fullyQualifiedNamespace: namespace,
        eventHubName: hub,
        consumerGroup: group,
        partitionId,
        sequenceNumber,
        offset: metadata.offset ?? "-1",
        notes: metadata[notesName],
      });
    }
    return checkpoints;
  }

  async forget(namespace: string, hub: string, group?: string): Promise<void> {
    await this.#made();
    const prefix = `${namespace}/${hub}/${group === undefined ? "" : `${group}/`}`.toLowerCase();
    for await (const { name } of this.#container.listBlobsFlat({ prefix })) {
      await this.#container.deleteBlob(name).catch((cause: unknown) => {
        if (statusOf(cause) !== 404) throw cause;
      });
    }
  }

  /** `undefined` where somebody else was quicker. */
  async #claim(claim: PartitionOwnership): Promise<PartitionOwnership | undefined> {
    const blob = this.#container.getBlockBlobClient(nameOf("ownership", claim));
    const metadata = { ownerid: claim.ownerId };
    try {
      const { etag, lastModified } = claim.etag
        ? await blob.setMetadata(metadata, { conditions: { ifMatch: claim.etag } })
        : await blob.upload("", 0, { metadata, conditions: { ifNoneMatch: "*" } });
      return {
        ...claim,
        ...(etag === undefined ? {} : { etag: quoted(etag) }),
        lastModifiedTimeInMs: lastModified?.getTime() ?? Date.now(),
      };
    } catch (cause) {
      const status = statusOf(cause);
      if (status === 404 || status === 409 || status === 412) return undefined;
      throw cause;
    }
  }

  async *#list(kind: Kind, namespace: string, hub: string, group: string) {
    await this.#made();
    const prefix = `${namespace}/${hub}/${group}/${kind}/`.toLowerCase();
    for await (const { name, metadata = {}, properties } of this.#container.listBlobsFlat({
      prefix,
      includeMetadata: true,
    })) {
      const { etag, lastModified } = properties;
      yield {
        partitionId: name.slice(prefix.length),
        metadata: metadata as Readonly<Record<string, string | undefined>>,
        etag: quoted(etag),
        modified: lastModified.getTime(),
      };
    }
  }

  /** Makes the container, unless it is there; who may not make it may still use it. */
  #made(): Promise<unknown> {
    this.#ready ??= this.#container
      .exists()
      .then(async (there) => there || (await this.#container.createIfNotExists()));
    this.#ready.catch(() => {
      this.#ready = undefined;
    });
    return this.#ready;
  }
}

/** Event Hubs tells no case apart, blobs do. */
function nameOf(kind: Kind, record: PartitionOwnership | GroupCheckpoint): string {
  const { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId } = record;
  return `${`${fullyQualifiedNamespace}/${eventHubName}/${consumerGroup}`.toLowerCase()}/${kind}/${partitionId}`;
}

/** Listings leave the quotes away. */
function quoted(etag: string): string {
  return etag.startsWith('"') || etag.startsWith("W/") ? etag : `"${etag}"`;
}

function statusOf(cause: unknown): number | undefined {
  return (cause as { statusCode?: number } | null)?.statusCode;
}
