/** Lets each method of an object be taken from it and called alone, as in `const { publish } = client`. */
export function bindMethods(object: object): void {
  const members = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object));
  for (const [name, { value }] of Object.entries(members)) {
    if (typeof value !== "function" || name === "constructor") continue;
    Object.defineProperty(object, name, { value: value.bind(object), writable: true, configurable: true });
  }
}
