import type { Message } from "rhea";
import type { Credentials, Grant } from "../auth/claims.ts";
import { covers, pathOf } from "../auth/claims.ts";
import { InvalidToken } from "../auth/sas-token.ts";
import { verifyToken } from "../auth/token.ts";
import type { Reply } from "./request-link.ts";

/** The types of shared access signatures and of bearer tokens. */
const TYPES = ["servicebus.windows.net:sastoken", "jwt"];

/** Answers a `put-token` request of claims-based security; a good token becomes a grant. */
export function putToken(request: Message, credentials: Credentials, grant: (grant: Grant) => void): Reply {
  const { operation, name, type } = request.application_properties ?? {};
  if (operation !== "put-token")
    return { status: 400, description: `The operation '${operation}' is not supported.` };
  if (typeof name !== "string") return { status: 400, description: "The request names no audience." };
  if (!TYPES.includes(String(type)))
    return { status: 401, description: `Tokens of type '${type}' are not supported here.` };
  try {
    const given = verifyToken(textOf(request.body), credentials, Date.now());
    const audience = pathOf(name);
    if (!covers(given.path, audience))
      throw new InvalidToken("InvalidAudience: The token has an invalid audience.");
    grant({ ...given, path: audience });
    return { status: 202, description: "Accepted" };
  } catch (error) {
    if (error instanceof InvalidToken) return { status: 401, description: error.message };
    throw error;
  }
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  const content = (body as { content?: unknown } | null | undefined)?.content;
  return Buffer.isBuffer(content) ? content.toString("utf8") : "";
}
