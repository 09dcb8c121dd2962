import type { Receiver, Sender, Session } from "rhea";

/**
 * Ends a session and the links on it, but not at once: a link that the peer has
 * detached still owes it an answer, which must not come after the end. Nor must the answer to a
 * detach that is still on its way here: so the links are detached first, and then owe none.
 */
export function endSession(session: Session, ...links: readonly (Receiver | Sender)[]): void {
  setImmediate(() => {
    if (!session.connection.is_open()) return;
    for (const link of links) link.close();
    session.close();
  });
}
