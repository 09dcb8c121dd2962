import type { Session } from "rhea";

/**
 * Ends a session and the links on it, but not at once: a link that the peer has
 * detached still owes it an answer, which must not come after the end.
 */
export function endSession(session: Session): void {
  setImmediate(() => {
    if (session.connection.is_open()) session.close();
  });
}
