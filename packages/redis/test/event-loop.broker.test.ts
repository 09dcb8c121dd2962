import { testDrainingGroups } from "../../../scripts/testing/draining-groups.ts";
import { RedisBench } from "./workbench.ts";

testDrainingGroups(() => new RedisBench().driver(), { groups: 300, messages: 300 });
