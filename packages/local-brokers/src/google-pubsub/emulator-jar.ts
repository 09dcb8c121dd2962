import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { findOnPath } from "../process/on-path.ts";

/** Google's emulator, as an installed Cloud SDK has it. */
export interface EmulatorJar {
  readonly file: string;
  readonly version: string;
}

const usualFolders = [
  "/usr/lib/google-cloud-sdk",
  "/usr/local/google-cloud-sdk",
  "/opt/google-cloud-sdk",
  "/snap/google-cloud-cli/current",
  "/opt/homebrew/share/google-cloud-sdk",
  "/usr/local/share/google-cloud-sdk",
];

/** The jar of the first Cloud SDK that has the emulator; null where there is none. */
export function findEmulatorJar(
  environment: NodeJS.ProcessEnv,
  folders: readonly string[] = cloudSdkFolders(environment),
): EmulatorJar | null {
  for (const folder of folders) {
    const libraries = join(folder, "platform/pubsub-emulator/lib");
    if (!existsSync(libraries)) continue;
    for (const name of readdirSync(libraries)) {
      const version = /^cloud-pubsub-emulator-(\d[\w.]*)-all\.jar$/.exec(name)?.[1];
      if (version !== undefined) return { file: join(libraries, name), version };
    }
  }
  return null;
}

function cloudSdkFolders(environment: NodeJS.ProcessEnv): readonly string[] {
  const { CLOUDSDK_ROOT_DIR: named, HOME: home } = environment;
  const gcloud = findOnPath("gcloud", environment);
  return [
    ...(named ? [named] : []),
    // <folder>/bin/gcloud, often by a link.
    ...(gcloud === null ? [] : [dirname(dirname(realpathSync(gcloud)))]),
    ...usualFolders,
    ...(home ? [join(home, "google-cloud-sdk")] : []),
  ];
}
