import { CONDITION, ServiceError } from "./service-error.ts";

/** The consumer group that every hub has. */
export const DEFAULT_GROUP = "$Default";

const HUB_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/;
const GROUP_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$/;

/** Names are compared without regard to case. */
export function keyOf(name: string): string {
  return name.toLowerCase();
}

export function checkHubName(name: string): void {
  if (!HUB_NAME.test(name)) {
    throw new ServiceError(
      CONDITION.argument,
      `'${name}' is not a name for an event hub: 1 to 256 letters, digits, '.', '-' and '_', beginning and ending with a letter or digit.`,
    );
  }
}

export function checkGroupName(name: string): void {
  if (!GROUP_NAME.test(name) && keyOf(name) !== keyOf(DEFAULT_GROUP)) {
    throw new ServiceError(
      CONDITION.argument,
      `'${name}' is not a name for a consumer group: 1 to 50 letters, digits, '.', '-' and '_', beginning and ending with a letter or digit.`,
    );
  }
}
