import type { MemoryBroker } from "../broker/broker.ts";
import type { DeliveryQueue } from "../broker/delivery-queue.ts";
import { AssertionError } from "./assertion-error.ts";
import { by, failureReport, state } from "./failure-report.ts";
import { asDeadLettered, asPublished, type DeadLettered, type Handled, type Published } from "./observed.ts";
import { defaultTimeoutMs, isVirtual, until } from "./waiting.ts";

/** A topic or queue: its name, or the contract, which also gives the type of the values. */
export type Named<T> =
  | string
  | { readonly name: string; readonly key: ((value: T) => string | undefined) | undefined };

/** How long a probe waits. */
export interface WaitOptions {
  /**
   * How long to wait, in milliseconds of the broker's clock. Default: five seconds;
   * on a virtual clock, which is moved on meanwhile, one hour.
   */
  readonly timeoutMs?: number;
}

/** Which messages a probe waits for, and how many. */
export interface Expectation<M> extends WaitOptions {
  /**
   * How many there must be: waits for as many, and fails if there are more. 0 waits
   * until the broker is idle. Default: at least one.
   */
  readonly count?: number;
  /** Only the messages for which it returns true. */
  readonly where?: (message: M) => boolean;
}

/** An `Expectation` of what one group handled or dead-lettered. */
export interface GroupExpectation<M> extends Expectation<M> {
  /** Only this group's. Default: any group, queue or broadcast. */
  readonly group?: string;
}

/**
 * Watches a broker for a test. What it says is "handled" was acked by the
 * subscription, after the handler returned; a dead-lettered message is not.
 */
export class Probe implements Disposable {
  readonly #broker: MemoryBroker;
  readonly #stop: () => void;
  #published: Published[] = [];
  #handled: Handled[] = [];
  #deadLettered: DeadLettered[] = [];
  /** Dead-lettered messages whose original is about to be acked. */
  readonly #unackedOriginals = new Set<string>();

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
    const { clock } = broker.settings;
    this.#stop = broker.observe({
      published: (to, batch, outcomes) => {
        batch.forEach((message, index) => {
          if (!outcomes[index]?.ok) return;
          const deadLettered = asDeadLettered(message, clock.now());
          if (deadLettered !== undefined) {
            this.#deadLettered.push(deadLettered);
            this.#unackedOriginals.add(identity(deadLettered));
          } else if (to.kind === "topic" || to.kind === "queue") {
            this.#published.push(asPublished(to.name, message, clock.now()));
          }
        });
      },
      settled: (from, { delivery, outcome }) => {
        if (
          outcome !== "ack" ||
          this.#unackedOriginals.delete(identity({ ...from, source: from.name, id: delivery.id }))
        )
          return;
        this.#handled.push({
          ...asPublished(from.name, delivery, clock.now()),
          group: from.group,
          attempt: delivery.redeliveries + 1,
        });
      },
    });
  }

  /** What was published to a topic or sent to a queue so far, in order. Does not wait. */
  published<T = unknown>(to: Named<T>): readonly Published<T>[] {
    return this.#published.filter(({ source }) => source === nameOf(to)) as Published<T>[];
  }

  /** Waits until so many were published, and returns them. @throws AssertionError telling what was seen instead */
  untilPublished<T = unknown>(
    to: Named<T>,
    expectation: Expectation<Published<T>> = {},
  ): Promise<readonly Published<T>[]> {
    const title = `of "${nameOf(to)}" published`;
    return this.#expect(title, to, () => this.published(to), expectation);
  }

  /** Waits until so many were handled, and returns them. @throws AssertionError telling what was seen instead */
  handled<T = unknown>(
    from: Named<T>,
    expectation: GroupExpectation<Handled<T>> = {},
  ): Promise<readonly Handled<T>[]> {
    const title = `of "${nameOf(from)}" handled${by(expectation.group)}`;
    return this.#expect(title, from, () => this.#handled as Handled<T>[], expectation);
  }

  /** Waits until so many were given up, and returns them. @throws AssertionError telling what was seen instead */
  deadLettered<T = unknown>(
    from: Named<T>,
    expectation: GroupExpectation<DeadLettered<T>> = {},
  ): Promise<readonly DeadLettered<T>[]> {
    const title = `of "${nameOf(from)}" dead-lettered${by(expectation.group)}`;
    return this.#expect(title, from, () => this.#deadLettered as DeadLettered<T>[], expectation);
  }

  /**
   * Waits until nothing is in flight, and nothing waits, delayed retries included,
   * wherever there is someone to consume it.
   * @throws AssertionError naming what is still going on
   */
  async idle({ timeoutMs }: WaitOptions = {}): Promise<void> {
    const queues = () => [...this.#broker.resources.allQueues()].filter(isBusy);
    if (await this.#until(() => queues().length === 0, timeoutMs)) return;
    const lines = queues().map((queue) => `\n  ${state(queue)}`);
    throw new AssertionError({
      message: `Expected the broker to be idle within ${this.#timeoutMs(timeoutMs)} ms.${lines.join("")}`,
    });
  }

  /** Forgets what it has seen. */
  clear(): void {
    this.#published = [];
    this.#handled = [];
    this.#deadLettered = [];
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    this.#stop();
  }

  async #expect<M extends Published>(
    title: string,
    of: Named<never>,
    all: () => readonly M[],
    { group, count, where = () => true, timeoutMs }: GroupExpectation<M>,
  ): Promise<readonly M[]> {
    const source = nameOf(of);
    const seen = () =>
      all().filter(
        (message) =>
          message.source === source && (group === undefined || groupOf(message) === group) && where(message),
      );
    if (count === 0) await this.idle(timeoutMs === undefined ? {} : { timeoutMs });
    else await this.#until(() => seen().length >= (count ?? 1), timeoutMs);
    const messages = seen();
    if (count === undefined ? messages.length > 0 : messages.length === count) return messages;
    const wanted = `Expected ${count ?? "at least 1"} ${title} within ${this.#timeoutMs(timeoutMs)} ms`;
    const queues = this.#broker.resources.allQueues();
    const report = failureReport(source, this.#published, this.#handled, this.#deadLettered, queues);
    throw new AssertionError({ message: `${wanted}, saw ${messages.length}.${report}` });
  }

  #until(condition: () => boolean, timeoutMs: number | undefined): Promise<boolean> {
    const hasInFlight = () => [...this.#broker.resources.allQueues()].some((queue) => queue.held > 0);
    return until(this.#broker.settings.clock, condition, hasInFlight, timeoutMs);
  }

  #timeoutMs(timeoutMs: number | undefined): number {
    return timeoutMs ?? defaultTimeoutMs[isVirtual(this.#broker.settings.clock) ? "virtual" : "real"];
  }
}

function nameOf(named: Named<never>): string {
  return typeof named === "string" ? named : named.name;
}

function groupOf(message: Published & { readonly group?: string | undefined }): string | undefined {
  return message.group;
}

function identity({ source, group, id }: { source: string; group: string | undefined; id: string }): string {
  return JSON.stringify([source, group, id]);
}

function isBusy(queue: DeliveryQueue): boolean {
  return queue.held > 0 || (queue.backlog > 0 && queue.members.size > 0);
}
