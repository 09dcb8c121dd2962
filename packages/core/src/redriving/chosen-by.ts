import type { DeadLetterInfo, RedriveReport } from "../api/redrive.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { atOnce } from "../runtime/at-once.ts";

/**
 * What the application's filter says of a dead-lettered message. A promise would pass for true, and
 * bring back what was not to be.
 * @throws MessagingError `INVALID_ARGUMENT` where it throws or answers with a promise, with what the run has done so far
 */
export function chosenBy(
  filter: (deadLettered: DeadLetterInfo) => boolean,
  deadLettered: DeadLetterInfo,
  soFar: () => RedriveReport,
): boolean {
  let answer: boolean;
  try {
    answer = filter(deadLettered);
  } catch (cause) {
    throw filterFailed(
      `threw: ${thrownText(cause)}`,
      "Return true or false for every message.",
      cause,
      soFar(),
    );
  }
  try {
    return atOnce(answer);
  } catch (cause) {
    throw filterFailed("returned a promise", "Return true or false at once.", cause, soFar());
  }
}

function filterFailed(what: string, remedy: string, cause: unknown, soFar: RedriveReport): MessagingError {
  const { seen, redriven } = soFar;
  return new MessagingError(
    "INVALID_ARGUMENT",
    `The \`filter\` of a redrive ${what}; ${redriven} of ${seen} messages were brought back before, and the others are still dead-lettered.`,
    { remedy: `${remedy} Then redrive again.`, cause, details: { ...soFar } },
  );
}
