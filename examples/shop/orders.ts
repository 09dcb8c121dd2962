import type { Order } from "./contracts.ts";

const customers = {
  alice: "1 Harbour Road",
  bob: "2 Mill Lane",
  carol: "3 Station Street",
  dave: "the Moon, crater 4",
};

/** Twelve orders, three of each customer in turn: always the same ones. */
export const orders: readonly Order[] = Array.from({ length: 3 }, (_, round) =>
  Object.entries(customers).map(([customer, address], i) => {
    const number = round * 4 + i + 1;
    return { id: `o-${number}`, customer, total: 10 * number, address };
  }),
).flat();

/** The address that shipping does not know at first. */
export const unknownAddress = customers.dave;

/** The addresses that the shop asks a quote for. */
export const quoted = [customers.alice, customers.bob, customers.dave];
