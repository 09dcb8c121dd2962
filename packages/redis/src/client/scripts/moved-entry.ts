import { movedFields } from "../../mapping.ts";

/**
 * A copy of an entry's fields for another place: what an earlier move wrote is
 * replaced by the new count of deliveries and the id under which it was published.
 */
export const luaMovedEntry = `
local function moved(id, fields)
  local copy, redeliveries, origin = {}, 0, id
  for i = 1, #fields, 2 do
    if fields[i] == '${movedFields.redeliveries}' then redeliveries = tonumber(fields[i + 1]) or 0
    elseif fields[i] == '${movedFields.origin}' then origin = fields[i + 1]
    else
      copy[#copy + 1] = fields[i]
      copy[#copy + 1] = fields[i + 1]
    end
  end
  return copy, redeliveries, origin
end
local function stamp(copy, redeliveries, origin)
  local n = #copy
  copy[n + 1], copy[n + 2] = '${movedFields.redeliveries}', tostring(redeliveries)
  copy[n + 3], copy[n + 4] = '${movedFields.origin}', origin
  return copy
end
`;
