/** How long, in milliseconds, core waits for a driver that was told to end and does not. */
export const driverGraceMs = 5_000;
