/** Header values that have broken somebody's broker: every one must come back as it went. */
export const edgeCaseValues: readonly string[] = [
  "",
  " ",
  "  leading and trailing  ",
  "a/b\\c",
  "a.b.c",
  "'single' \"double\" `back`",
  "line\nfeed\r\nand\ttab",
  "naïve café – “quoted”",
  "日本語 العربية ไทย",
  "😀👨‍👩‍👧‍👦🏳️‍🌈",
  "\ufeffbyte order mark",
  "a=b&c=d;e,f",
  '{"json": [1, null]}',
  '<xml attr="&amp;"/>',
  "%41%00%zz",
  "null",
  "0012e5",
  "x".repeat(1000),
];

/** Header names that have: each comes back as it went, or is refused as INVALID_HEADER. */
export const edgeCaseNames: readonly string[] = [
  "a/b\\c",
  "a.b.c",
  "'quoted\"",
  "with space",
  "😀",
  "naïve",
  "new\nline",
  "UPPER-lower_1",
  "x-match",
  "AWS.something",
  "googclient",
  "__proto__",
  "constructor",
  "toString",
  "$dollar",
  "a=b",
  "1",
  "n".repeat(200),
];

/** Texts whose encoding has broken somebody's. */
export const edgeCaseTexts: readonly string[] = [
  "",
  "plain",
  "naïve café – “quoted”",
  "😀👨‍👩‍👧‍👦",
  "\ufeffwith a byte order mark",
  "nul \u0000 inside",
  "\u2028 and \u2029",
  "line\r\nend\n",
];

/** Values that JSON can hold. */
export const jsonValues: readonly unknown[] = [
  null,
  true,
  0,
  -1.5e-9,
  Number.MAX_SAFE_INTEGER,
  "",
  "text 😀",
  [],
  {},
  [1, [2, [3, null]]],
  { nested: { deeply: { with: ["a", { list: true }] } }, "key with space": 1, "": 2 },
];
