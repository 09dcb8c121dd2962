/** What the names of environment variables begin with. */
export function environmentName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
