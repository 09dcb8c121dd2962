/** Says why a command cannot do what it was asked for, and ends it before it has begun. */
export function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
