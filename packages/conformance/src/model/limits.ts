/** How long a driver may keep core waiting when it is told to end, in milliseconds. */
export const driverGraceMs = 5_000;
/** The same for all steps of closing. */
export const closeGraceMs = 8 * driverGraceMs;
/** How long everything may take once all is well again, in milliseconds. */
export const healingMs = 30 * 60_000;
