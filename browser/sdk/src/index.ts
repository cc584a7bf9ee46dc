// The npm package: loads /init.js from your Cobalt Link server once and hands out its `init`.

import type { Config, Handle } from "./types";

export type * from "./types";

export interface CobaltLink {
  init: (config: Config) => Handle;
}

declare global {
  interface Window {
    CobaltLink?: CobaltLink;
  }
}

const loading = new Map<string, Promise<CobaltLink>>();

/** Loads the script at `src` (e.g. "https://link.example.com/init.js") once per page; rejects with its `ErrorEvent`. */
export function load(src: string): Promise<CobaltLink> {
  if (window.CobaltLink) return Promise.resolve(window.CobaltLink);
  let promise = loading.get(src);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const there = document.querySelector<HTMLScriptElement>(`script[src="${src}"]`);
      const script = there ?? Object.assign(document.createElement("script"), { src, async: true });
      script.addEventListener("load", () => resolve(window.CobaltLink!));
      script.addEventListener("error", (event) => {
        loading.delete(src);
        script.remove();
        reject(event);
      });
      if (!there) document.body.append(script);
    });
    loading.set(src, promise);
  }
  return promise;
}
