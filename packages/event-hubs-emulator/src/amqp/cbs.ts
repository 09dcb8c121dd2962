import type { Message } from "rhea";
import type { AccessKey, Grant } from "../auth/claims.ts";
import { covers, pathOf } from "../auth/claims.ts";
import { InvalidToken, verifySasToken } from "../auth/sas-token.ts";
import type { Reply } from "./request-link.ts";

const SAS_TOKEN = "servicebus.windows.net:sastoken";

/** Answers a `put-token` request of claims-based security; a good token becomes a grant. */
export function putToken(request: Message, keys: readonly AccessKey[], grant: (grant: Grant) => void): Reply {
  const { operation, name, type } = request.application_properties ?? {};
  if (operation !== "put-token")
    return { status: 400, description: `The operation '${operation}' is not supported.` };
  if (typeof name !== "string") return { status: 400, description: "The request names no audience." };
  if (type !== SAS_TOKEN)
    return { status: 401, description: `Tokens of type '${type}' are not supported here.` };
  try {
    const given = verifySasToken(textOf(request.body), keys, Date.now());
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
