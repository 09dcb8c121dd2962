/** Every version this package pins. `compose.yaml` pins the same ones; a test compares the two. */
export const pinned = {
  /** Apache Kafka, as jars and as an image. */
  kafka: "4.3.0",
  /** Kafka logs through SLF4J 1.7 and ships log4j without the binding between them; same version as its log4j. */
  log4jBinding: "2.25.4",
  /** The Debian release whose packages give RabbitMQ 4 and Redis 8. */
  debianSuite: "trixie",
  /** The images; natively, these come from the Debian release. */
  rabbitmqImage: "4.0.5",
  redisImage: "8.0.2",
  /** SNS and SQS, as a package and as an image. */
  fauxqs: "2.4.1",
  /** The release of Google's Cloud SDK whose image is used, and the version of the emulator in it. */
  cloudSdkImage: "528.0.0",
  pubsubEmulator: "0.8.20",
  /** Google's Go client, whose `pstest` emulates Pub/Sub. */
  pstest: "2.8.1",
} as const;

/** The oldest installed program that is used instead of downloading one. */
export const oldestUsable = { java: 17, go: "1.26", rabbitmq: 4, redis: 8 } as const;
