/** The request every Kafka answers before anything else, even before authentication. */
export function apiVersionsRequest(correlationId: number): Buffer {
  const header = Buffer.alloc(8);
  header.writeInt16BE(18, 0); // api key: ApiVersions
  header.writeInt16BE(3, 2); // version 3, the first whose answer tells the features
  header.writeInt32BE(correlationId, 4);
  const noClientId = Buffer.from([0xff, 0xff]);
  const noTags = Buffer.from([0]);
  const message = [header, noClientId, noTags, compactString("waybill"), compactString("1"), noTags];
  return framed(Buffer.concat(message));
}

/** Whether the length-prefixed answer has arrived in full. */
export function isWholeAnswer(received: Buffer): boolean {
  return received.length >= 4 && received.length >= 4 + received.readUInt32BE(0);
}

/**
 * What the answer tells: null if it is none to our request, else the broker's release where it can be known.
 * The release is read off the newest `metadata.version` the broker supports, since Kafka does not tell it directly.
 */
export function readApiVersions(received: Buffer, correlationId: number): { release: string | null } | null {
  if (received.length < 10 || !isWholeAnswer(received) || received.readInt32BE(4) !== correlationId)
    return null;
  const supported = received.readInt16BE(8) === 0;
  try {
    return { release: supported ? releaseOf(newestMetadataVersion(received)) : null };
  } catch (error) {
    if (error instanceof RangeError) return { release: null };
    throw error;
  }
}

/** The level of `metadata.version` each release began with, from Kafka's own `MetadataVersion`. */
const firstLevels: readonly (readonly [level: number, release: string | null])[] = [
  [7, "3.3"],
  [8, "3.4"],
  [9, "3.5"],
  [12, "3.6"],
  [15, "3.7"],
  [20, "3.8"],
  [21, "3.9"],
  [22, "4.0"],
  [26, "4.1"],
  [28, "4.2"],
  [30, "4.3"],
  [31, null],
];

function releaseOf(level: number | null): string | null {
  if (level === null) return null;
  return firstLevels.findLast(([first]) => first <= level)?.[1] ?? null;
}

/** Walks the answer: error, versions of every request (6 bytes and tags each), throttle time, then tagged features. */
function newestMetadataVersion(answer: Buffer): number | null {
  let at = 10;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = answer.readUInt8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const skipTags = () => {
    for (let count = varint(); count > 0; count--) {
      varint();
      const size = varint();
      at += size;
    }
  };
  for (let count = varint() - 1; count > 0; count--) {
    at += 6;
    skipTags();
  }
  at += 4;
  for (let tags = varint(); tags > 0; tags--) {
    const tag = varint();
    const size = varint();
    const end = at + size;
    for (let features = tag === 0 ? varint() - 1 : 0; features > 0; features--) {
      const length = varint() - 1;
      const name = answer.toString("utf8", at, at + length);
      at += length;
      if (name === "metadata.version") return answer.readInt16BE(at + 2);
      at += 4;
      skipTags();
    }
    at = end;
  }
  return null;
}

function compactString(text: string): Buffer {
  return Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(text)]);
}

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length, 0);
  return Buffer.concat([length, message]);
}
