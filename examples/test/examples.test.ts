import { examplesBehave } from "./behaves.ts";

examplesBehave("the embedded broker", "memory:");
