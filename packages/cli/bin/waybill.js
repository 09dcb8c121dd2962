#!/usr/bin/env node
// Plain JavaScript and committed: npm links it when installing, before anything is built. Nothing here may need a
// newer Node than the one it complains about, so the rest is imported only after the check.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 12)) {
  process.stderr.write(`waybill needs Node 22.12 or newer; this is Node ${process.versions.node}\n`);
  process.exitCode = 1;
} else {
  import("../dist/main.js").then(
    async ({ main }) => {
      process.exitCode = await main(process.argv.slice(2));
    },
    (error) => {
      const isMissingBuild = error?.code === "ERR_MODULE_NOT_FOUND" && error.url?.endsWith("/dist/main.js");
      process.stderr.write(
        isMissingBuild
          ? "waybill is not built yet: run `npm run build` first\n"
          : `${error?.stack ?? error}\n`,
      );
      process.exitCode = 1;
    },
  );
}
