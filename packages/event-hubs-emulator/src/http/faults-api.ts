import { type Fault, InvalidFault } from "../faults/fault.ts";
import type { DetachRequest, Faults } from "../faults/faults.ts";
import { entityNotFound } from "../namespace/service-error.ts";
import type { ApiRequest, ApiResponse } from "./management-api.ts";

/** The first segment of paths that only an emulator has. */
export const EMULATOR_PATH = "$emulator";

/**
 * Faults over HTTP, in JSON:
 *
 *     POST   /$emulator/faults       a fault; answers with its id
 *     GET    /$emulator/faults       those that are still to strike
 *     DELETE /$emulator/faults[/id]  all of them, or one
 *     POST   /$emulator/detach       ends links at once; answers with how many
 *     POST   /$emulator/disconnect   ends all AMQP connections; answers with how many
 */
export function controlFaults({ method, path, body }: ApiRequest, faults: Faults): ApiResponse {
  const [, what, id] = path;
  switch (`${method} ${what}`) {
    case "POST faults":
      return json(201, { id: faults.inject(objectIn(body) as Fault).id });
    case "GET faults":
      return json(200, faults.list());
    case "DELETE faults":
      if (id === undefined) faults.clear();
      else if (!faults.remove(id)) throw entityNotFound(path.join("/"));
      return { status: 200 };
    case "POST detach":
      return json(200, { links: faults.detach(objectIn(body === "" ? "{}" : body) as DetachRequest) });
    case "POST disconnect":
      return json(200, { connections: faults.disconnect() });
    default:
      throw entityNotFound(path.join("/"));
  }
}

function objectIn(body: string): object {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below, like any other body that is not an object.
  }
  throw new InvalidFault("The request body must be a JSON object");
}

function json(status: number, value: unknown): ApiResponse {
  return { status, type: "application/json", body: `${JSON.stringify(value)}\n` };
}
