import type { GuaranteeId } from "./case.ts";

/** The guarantees, the same on every broker, each as a word and a sentence. */
export const guarantees: Readonly<Record<GuaranteeId, { readonly name: string; readonly sentence: string }>> =
  {
    G1: { name: "stored", sentence: "A publish resolves only when the broker has confirmed the message." },
    G2: { name: "at least once", sentence: "Unacked messages are delivered again." },
    G3: {
      name: "settle once",
      sentence: "The first of ack, retry and reject wins; a late one is told, and harms nobody.",
    },
    G4: {
      name: "retry",
      sentence: "After a failure the message comes again, after its backoff, with its attempt number.",
    },
    G5: {
      name: "dead-lettering",
      sentence: "What failed for good is kept, with the reason, and can be brought back.",
    },
    G6: {
      name: "order",
      sentence: "Messages of one key are handled one at a time, in order, within a group.",
    },
    G7: { name: "bounded", sentence: "Concurrency, prefetch and memory keep their bounds." },
    G8: { name: "lease", sentence: "A slow handler keeps its message." },
    G9: {
      name: "drain",
      sentence: "Closing lets handlers finish, hands the rest back, and acks nothing unfinished.",
    },
    G10: {
      name: "recover",
      sentence: "After an outage everything resumes by itself, or says that it cannot.",
    },
    G11: { name: "isolation", sentence: "What is stuck does not hold up the others." },
    G12: {
      name: "refusal",
      sentence: "What cannot be done, and every mistake, is refused at once, in clear words.",
    },
    G13: {
      name: "fidelity",
      sentence: "What comes out is what went in, and messages of external clients are consumed as they are.",
    },
  };
