// Packs the npm package into dist/cobalt-link.tgz of the top folder. Run it with `make package`.

import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = join(here, "../../dist");
mkdirSync(folder, { recursive: true });
const said = execFileSync("npm", ["pack", "--json", "--pack-destination", folder], { cwd: join(here, "sdk"), encoding: "utf8" });
const [{ filename }] = JSON.parse(said);
renameSync(join(folder, filename.replace("@", "").replace("/", "-")), join(folder, "cobalt-link.tgz"));
console.log(join(folder, "cobalt-link.tgz"));
