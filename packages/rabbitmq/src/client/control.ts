import type { Channel, ChannelModel, Options, Replies } from "amqplib";
import { isMissing } from "../errors.ts";

/**
 * Runs declarations, each on a channel of its own: a refusal closes the channel
 * it happens on, and must not take anything else with it.
 */
export class Control {
  readonly model: ChannelModel;

  constructor(model: ChannelModel) {
    this.model = model;
  }

  async run<T>(operation: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.model.createChannel();
    // The rejected operation tells; without a listener the event would be thrown.
    channel.on("error", () => undefined);
    let open = true;
    channel.on("close", () => {
      open = false;
    });
    try {
      return await operation(channel);
    } finally {
      if (open) await channel.close().catch(() => undefined);
    }
  }

  /** A queue, if there is one of this name. */
  look(queue: string): Promise<Replies.AssertQueue | undefined> {
    return this.found(() => this.run((channel) => channel.checkQueue(queue)));
  }

  async hasExchange(exchange: string): Promise<boolean> {
    return (await this.found(() => this.run((channel) => channel.checkExchange(exchange)))) !== undefined;
  }

  /** `undefined` where the broker says that there is no such thing. */
  async found<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (cause) {
      if (isMissing(cause)) return undefined;
      throw cause;
    }
  }

  declareQueue(queue: string, options: Options.AssertQueue): Promise<unknown> {
    return this.run((channel) => channel.assertQueue(queue, options));
  }
}
