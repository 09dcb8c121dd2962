import { testDrainingGroups } from "../../../scripts/testing/draining-groups.ts";
import { RabbitmqBench } from "./workbench.ts";

testDrainingGroups(() => new RabbitmqBench().driver(), { groups: 180, messages: 100 });
