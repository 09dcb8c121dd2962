// Run as a program: `serve <folder of the fauxqs package> <port> <folder for data>`. fauxqs's own command listens on
// every network this computer is in, logs every request, and keeps data with the faults that `repairs.ts` names.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { leaveFlushingToTheSystem, listenOnLoopbackOnly } from "./from-outside.ts";
import { acceptAllOfUnicode, keepMessagesGivenBack, keepMessagesOfTaggedQueues } from "./repairs.ts";

const [folder = "", port = "", dataDir = ""] = process.argv.slice(2);
const module = (file: string) => import(pathToFileURL(join(folder, "dist", file)).href);

const { PersistenceManager } = await module("persistence.js");
keepMessagesGivenBack(PersistenceManager);
keepMessagesOfTaggedQueues(PersistenceManager);
const { INVALID_MESSAGE_BODY_CHAR } = await module("sqs/sqsTypes.js");
acceptAllOfUnicode(INVALID_MESSAGE_BODY_CHAR);

listenOnLoopbackOnly();
leaveFlushingToTheSystem();
const { startFauxqs } = await module("app.js");
await startFauxqs({ port: Number(port), dataDir, logger: false });
console.log(`listening on port ${port}`);
