// Builds what the server serves (committed: running needs no Node) and what the npm package holds.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? join(here, "../../src/cobalt_link/link/pages/static");
const packed = process.argv[3] ?? join(here, "sdk/dist");
const common = { bundle: true, minify: true, target: "es2022", legalComments: "none", charset: "utf8", logLevel: "warning" };

await build({ ...common, entryPoints: [join(here, "sdk/src/global.ts")], format: "iife", outfile: join(out, "init.js") });
await build({ ...common, entryPoints: [join(here, "link/src/main.ts")], format: "esm", outfile: join(out, "link.js") });
// No target: it would add properties for browsers that have none of the others either.
await build({ ...common, target: undefined, entryPoints: [join(here, "link/src/link.css")], outfile: join(out, "link.css") });
// Brotli saves a tenth over gzip, and Node has it: so running needs neither it nor a library for it.
for (const name of ["init.js", "link.js", "link.css"]) {
  const body = readFileSync(join(out, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(body, { params }));
}
for (const name of ["index", "react"]) {
  await build({
    ...common,
    entryPoints: [join(here, `sdk/src/${name}.ts`)],
    format: "esm",
    external: ["react", "./index.js"],
    banner: name === "react" ? { js: '"use client";' } : {},
    outfile: join(packed, `${name}.js`),
  });
}
execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "-p", join(here, "tsconfig.types.json"), "--outDir", packed]);

// The docs name the hash of the file that a server of this version has.
if (!process.argv[2]) {
  const page = join(here, "../../docs/how-to/lightbox.md");
  const digest = createHash("sha384").update(readFileSync(join(out, "init.js"))).digest("base64");
  writeFileSync(page, readFileSync(page, "utf8").replace(/sha384-[\w+/=]+/g, `sha384-${digest}`));
}
