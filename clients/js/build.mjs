// Builds what the server serves and what the npm package holds. Run it with `make assets` from the top folder.
//
// The results for the server are committed, so running a server needs no Node. Arguments, for tests: the folder of the
// served files and the folder of the package's files.

import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const served = process.argv[2] ?? join(here, "../../src/cobalt_link/link/pages/static");
const dist = process.argv[3] ?? join(here, "sdk/dist");
const common = { bundle: true, minify: true, target: "es2022", legalComments: "none", charset: "utf8", logLevel: "warning" };

// The SDK is counted in bytes: without "use strict" it is ten smaller, and it does nothing that strict mode would change.
const small = { tsconfigRaw: { compilerOptions: { target: "ES2022" } } };
await build({ ...common, ...small, entryPoints: [join(here, "sdk/src/global.ts")], format: "iife", outfile: join(served, "init.js") });
await build({ ...common, entryPoints: [join(here, "link/src/main.ts")], format: "esm", outfile: join(served, "link.js") });

// The style sheet is served as it is written (docs/why/hosted-pages.md), so it is only compressed here. Brotli is a tenth
// smaller than gzip. Node has it and Python does not, so the server gets it ready-made.
for (const name of ["init.js", "link.js", "link.css"]) {
  const body = readFileSync(join(served, name));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  writeFileSync(join(served, `${name}.br`), brotliCompressSync(body, { params }));
}

for (const name of ["index", "react"]) {
  await build({
    ...common,
    entryPoints: [join(here, `sdk/src/${name}.ts`)],
    format: "esm",
    external: ["react", "./index.js"],
    banner: name === "react" ? { js: '"use client";' } : {},
    outfile: join(dist, `${name}.js`),
  });
}
execFileSync(process.execPath, [join(here, "node_modules/typescript/bin/tsc"), "-p", join(here, "tsconfig.types.json"), "--outDir", dist]);

// The docs show the SRI hash of the script of this version.
if (!process.argv[2]) {
  const page = join(here, "../../docs/how-to/lightbox.md");
  const digest = createHash("sha384").update(readFileSync(join(served, "init.js"))).digest("base64");
  writeFileSync(page, readFileSync(page, "utf8").replace(/sha384-[\w+/=]+/g, `sha384-${digest}`));
}
