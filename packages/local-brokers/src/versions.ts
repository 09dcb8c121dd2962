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
} as const;

/** The oldest installed program that is used instead of downloading one. */
export const oldestUsable = { java: 17, rabbitmq: 4, redis: 8 } as const;
