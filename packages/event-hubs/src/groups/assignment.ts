/** Who is there and who owns what, as far as a store shows it. Only what is alive counts. */
export interface View {
  readonly me: string;
  readonly partitions: readonly string[];
  /** Owner by partition. A partition that is not there is free. */
  readonly owners: ReadonlyMap<string, string>;
  /** All who are alive; may leave out `me` and owners. */
  readonly members: Iterable<string>;
}

export interface Plan {
  /** Free ones to take, as many as are fair. */
  readonly claim: readonly string[];
  /** Own ones to release, so that others have their share. */
  readonly release: readonly string[];
  /** Whether this member has its share. */
  readonly fair: boolean;
}

/**
 * Everyone gets as many partitions as the others, or one more; those that have most
 * keep the one more. Nobody takes from a living member: who has too many releases some.
 */
export function plan({ me, partitions, owners, members }: View): Plan {
  const ownedBy = new Map<string, string[]>([[me, []]]);
  for (const member of members) ownedBy.set(member, []);
  const free: string[] = [];
  for (const partition of partitions) {
    const owner = owners.get(partition);
    if (owner === undefined) free.push(partition);
    else if (ownedBy.has(owner)) ownedBy.get(owner)?.push(partition);
    else ownedBy.set(owner, [partition]);
  }
  const mine = ownedBy.get(me) as string[];
  const quota = quotaOf(me, ownedBy, partitions.length);
  return {
    claim: turned(free, me).slice(0, Math.max(0, quota - mine.length)),
    release: mine.slice(quota),
    fair: mine.length === quota,
  };
}

/** Takes whatever is free and gives nothing away. */
export function planAll({ me, partitions, owners }: View): Plan {
  const claim = turned(
    partitions.filter((partition) => !owners.has(partition)),
    me,
  );
  return { claim, release: [], fair: claim.length === 0 };
}

function quotaOf(me: string, ownedBy: ReadonlyMap<string, readonly string[]>, count: number): number {
  const order = [...ownedBy].sort(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
  const rank = order.findIndex(([member]) => member === me);
  return Math.floor(count / order.length) + (rank < count % order.length ? 1 : 0);
}

/** Begins at another place for each member, so that two do not go for the same one. */
function turned(items: readonly string[], member: string): readonly string[] {
  let sum = 0;
  for (let i = 0; i < member.length; i++) sum = (sum * 31 + member.charCodeAt(i)) >>> 0;
  const start = items.length === 0 ? 0 : sum % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
