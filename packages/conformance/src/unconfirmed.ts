/**
 * How long a broker may take to read an ack that it does not confirm (AMQP has no confirmation of
 * acks), in milliseconds. What it has not read when its connection breaks comes again, rightly.
 */
export const unconfirmedMs = 1_000;
