/**
 * Whether a delivery is still the caller's: pending, under its consumer's name,
 * and delivered no more often than when the caller got it. The count tells this
 * delivery from a later one to the same consumer.
 */
export const luaOwns = `
local function owns(stream, group, consumer, id, count)
  local found = redis.call('XPENDING', stream, group, id, id, 1)[1]
  return found and found[2] == consumer and tostring(found[4]) == count
end
`;
