import { describe, expect, it } from "vitest";
import { remedyProblems } from "./remedies.ts";

describe("the remedies check", () => {
  it("catches an error without a remedy, also where it has other options", () => {
    expect(problemsIn('throw new MessagingError("TIMEOUT", "It took too long.");')).toEqual([
      "a.ts:1: TIMEOUT has no `remedy`",
    ]);
    expect(problemsIn('\nfail(new MessagingError("TIMEOUT", text, { cause }));')).toEqual([
      "a.ts:2: TIMEOUT has no `remedy`",
    ]);
  });

  it("catches a remedy that tells nobody what to do", () => {
    const [problem] = problemsIn('throw new MessagingError("X", "No.", { remedy: "It takes none." });');
    expect(problem).toContain("no instruction");
  });

  it("catches a sentence without a noun as its subject", () => {
    const clause = "begins with a clause; begin with a noun";
    expect(problemsIn('throw new MessagingError("X", "What came is odd.", { remedy });')).toEqual([
      `a.ts:1: "What came is odd." ${clause}`,
    ]);
    expect(problemsIn('readable("What was given", read);')).toEqual([`a.ts:1: "What was given" ${clause}`]);
    expect(problemsIn('throw new MessagingError("X", "Whole numbers only.", { remedy });')).toEqual([]);
  });

  it("takes a remedy in any form, and what is no error of ours", () => {
    expect(problemsIn("throw new MessagingError(code, text, { remedy, cause });")).toEqual([]);
    expect(problemsIn("throw new MessagingError(code, text, { remedy: `Lower it.` });")).toEqual([]);
    expect(problemsIn('throw new Error("x"); // new MessagingError("A", "b")')).toEqual([]);
  });

  it("wants exceptions to go that nothing needs", () => {
    const text = 'throw new MessagingError("A", "b");';
    expect(remedyProblems(new Map([["a.ts", text]]), { "a.ts A": "reason", "a.ts B": "reason" })).toEqual([
      "scripts/check/remedies.ts need not name a.ts B",
    ]);
  });
});

function problemsIn(text: string): readonly string[] {
  return remedyProblems(new Map([["a.ts", text]]), {});
}
