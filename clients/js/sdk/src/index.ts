// The npm package: loads /init.js from your Cobalt Link server once per page and returns its `init`.

import type { Config, Handle } from "./types.js";

export type * from "./types.js";

export interface CobaltLink {
  init: (config: Config) => Handle;
}

declare global {
  interface Window {
    CobaltLink?: CobaltLink;
  }
}

const loading = new Map<string, Promise<CobaltLink>>();

/** Loads the script at `src`, for example "https://link.example.com/init.js", once per page. Rejects with the `Event` of the
 * script element if it does not load. */
export function load(src: string): Promise<CobaltLink> {
  if (window.CobaltLink) return Promise.resolve(window.CobaltLink);
  let promise = loading.get(src);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const existing = [...document.scripts].find((each) => each.getAttribute("src") === src);
      const script = existing ?? Object.assign(document.createElement("script"), { src, async: true });
      const failed = (event: Event): void => {
        // Without both, the next call would get this failure again.
        loading.delete(src);
        script.remove();
        reject(event);
      };
      script.addEventListener("load", (event) => (window.CobaltLink ? resolve(window.CobaltLink) : failed(event)));
      script.addEventListener("error", failed);
      if (!existing) (document.body ?? document.head).append(script);
    });
    loading.set(src, promise);
  }
  return promise;
}
