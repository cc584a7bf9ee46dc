// The npm package: loads /init.js from your Cobalt Link server once per page and returns its `init`.

import type { Config, Handle } from "./types.js";

export type * from "./types.js";

export interface CobaltLink {
  init: (config: Config) => Handle;
}

declare global {
  interface Window {
    CobaltLink?: CobaltLink;
    trustedTypes?: { createPolicy(name: string, rules: object): { createScriptURL(url: string): string } };
  }
}

const loading = new Map<string, Promise<CobaltLink>>();
let policy: { createScriptURL(url: string): string } | undefined;

/** The global of /init.js, if that has run. An element with the id "CobaltLink" is none. */
export function loaded(): CobaltLink | undefined {
  return Object.hasOwn(window, "CobaltLink") && window.CobaltLink?.init ? window.CobaltLink : undefined;
}

/** Loads the script at `src`, for example "https://link.example.com/init.js", once per page. Rejects with an `Error` that says
 * what to do if it does not load. The next call then tries again. */
export function load(src: string): Promise<CobaltLink> {
  const found = loaded();
  if (found) return Promise.resolve(found);
  let promise = loading.get(src);
  if (!promise) {
    promise = append(src);
    promise.catch(() => loading.delete(src));
    loading.set(src, promise);
  }
  return promise;
}

async function append(src: string): Promise<CobaltLink> {
  // A tag of the page that is still under way loads it too. Once the page is complete, it has loaded or failed.
  const tag = [...document.scripts].find((each) => each.getAttribute("src") === src);
  if (tag && document.readyState !== "complete") await event(tag, window);
  const script = document.createElement("script");
  if (!loaded()) {
    // A page that requires trusted types takes no plain address. It must allow this name if it lists the names of policies.
    policy ??= window.trustedTypes?.createPolicy("cobalt-link", { createScriptURL: (url: string) => url });
    script.src = policy ? policy.createScriptURL(src) : src;
    document.head.append(script);
    await event(script);
  }
  const found = loaded();
  if (found) return found;
  script.remove();
  throw Error(`${src} did not load: check the address, your policy, and extensions.`);
}

/** Resolves when one of these loads or fails. */
function event(...targets: EventTarget[]): Promise<void> {
  return new Promise((resolve) => {
    for (const each of targets) for (const name of ["load", "error"]) each.addEventListener(name, () => resolve());
  });
}
