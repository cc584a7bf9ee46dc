// The SDK: opens Link in a dialog over the app's page and calls the app's callbacks. It changes nothing on the page before
// it opens, and it restores the page when it closes. The server serves it as /init.js. The npm package loads it from there.

import type { Config, ExitError, Handle, Metadata } from "./types.js";

type Message = { cobalt?: unknown; type?: unknown; [key: string]: unknown };

/** One open lightbox. */
type Lightbox = {
  /** The token that the app passed. `token` is the one in use: `fetchToken` may have replaced it. */
  given: string | undefined;
  token: string | undefined;
  config: Config;
  /** Closes it if the page has removed or moved its node. */
  check: () => void;
  /** Takes the dialog off the page and calls nobody. */
  remove: () => void;
  /** Calls `onExit` unless the app already got a result. */
  exit: (error: ExitError | null) => void;
};

// The origin of this script. A module has no `currentScript`, and an element with that name can hide the property: the stack
// names the script too.
const base = /https?:..[^/]+(?=\S*\/init\.js)/.exec((document.currentScript as HTMLScriptElement | null)?.src + " " + Error().stack)?.[0];

// In forced colors the transparent outline shows. No rule of the page reaches past `:host` with `!important`. The colors are those of link.css, so nothing jumps when Link's
// page covers the panel. The panel appears after a second, so that it does not flash while a fast page loads.
const STYLE = `:host{all:initial!important;color-scheme:light dark!important}*{box-sizing:border-box}dialog{width:420px;height:min(680px,100dvh - 48px);max-width:none;max-height:none;padding:0;border:0;border-radius:20px;overflow:clip;outline:2px solid #0000;color:light-dark(#131d33,#eff2f6);background:linear-gradient(light-dark(#eff5fe,#171f2f) 94px,light-dark(#fff,#111724) 0);box-shadow:0 0 0 1px #8884,0 24px 64px -16px #060e2473;font:15px/1.47 system-ui}
dialog::backdrop{background:#0a12288c}iframe{display:block;width:100%;height:100%;border:0}
section{position:absolute;inset:0;overflow:auto;padding:112px 24px 24px;animation:1s steps(1)late}@keyframes late{0%{visibility:hidden}}h1,p{margin:0 0 8px;overflow-wrap:anywhere}h1{font-size:22px}
a,button{display:block;width:100%;margin-top:12px;padding:13px;border:0;border-radius:12px;background:light-dark(#0946ad,#2f6cda);color:#fff;font:600 16px/22px system-ui;text-align:center;text-decoration:none}button{background:none;color:light-dark(#0946ad,#84b4fb)}
@media(max-width:480px),(max-height:520px){dialog{width:100vw;height:100dvh;border-radius:0;box-shadow:none}}
@media(prefers-reduced-motion:no-preference){dialog{transition:.24s}@starting-style{dialog{opacity:0;transform:translateY(12px)}}}`;

const NO_TOKEN = "CobaltLink.init needs a token from POST /link/token/create";

let current: Lightbox | undefined;

/** Opens Link. A second call with the same token keeps the open lightbox and replaces its callbacks. */
export function init(config: Config): Handle {
  if (!config) throw TypeError(NO_TOKEN);
  // The app's own origin would mean that its bundle holds a copy of this script.
  if (!base || base === origin) throw TypeError("Load init.js from your server");
  current?.check();
  const before = current;
  let lightbox = before;
  if (lightbox && (config.token === lightbox.given || config.token === lightbox.token)) {
    lightbox.config = config;
  } else {
    before?.remove();
    lightbox = open(config, base);
    // Only now: `onExit` may call `init` again, and must find the new lightbox.
    before?.exit(null);
  }
  return {
    // A later call with the same token owns the lightbox. An old React component must not close it when it unmounts.
    close() {
      if (lightbox.config !== config) return;
      lightbox.remove();
      lightbox.exit(null);
    },
  };
}

function styleSheet(css: string): CSSStyleSheet {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  return sheet;
}

function make<T extends keyof HTMLElementTagNameMap>(tag: T, given?: object): HTMLElementTagNameMap[T] {
  return Object.assign(document.createElement(tag), given);
}

function open(config: Config, base: string): Lightbox {
  const host = make("div");
  const shadow = host.attachShadow({ mode: "open" });
  const dialog = make("dialog");
  const panel = make("section");
  const close = make("button", { textContent: "Close" });
  // A constructed style sheet needs no `style-src` in the page's policy. Removing it leaves the page's own styles alone.
  const scrollLock = styleSheet("html{overflow:hidden!important}");
  let frame: HTMLIFrameElement | undefined;
  let lastSeq = 0;
  let settled = false; // the app got a result: `onSuccess` or `onExit`
  let removed = false;
  let greeted = false; // the page in the frame said hello
  let loaded = false;
  let renewed = false;
  let session: string | undefined;
  let status: string | undefined;

  const metadata = (): Metadata => ({ link_session_id: session, status });
  const address = (more: object): string => `${base}/?${new URLSearchParams({ token: lightbox.token!, ...more })}`;
  const send = (type: string): void => frame!.contentWindow!.postMessage({ cobalt: 1, type }, base);
  /** Calls a callback of the app. What it throws is the app's own error, and breaks nothing here. */
  const call = (name: "onSuccess" | "onExit" | "onEvent" | "onLoad", ...args: unknown[]): void => {
    try {
      (lightbox.config[name] as ((...args: unknown[]) => void) | undefined)?.(...args);
    } catch (error) {
      reportError(error);
    }
  };

  const lightbox: Lightbox = {
    given: config.token,
    token: config.token,
    config,
    check: () => dialog.matches(":modal") || quit(),
    remove() {
      if (removed) return;
      removed = true;
      frame = undefined;
      watcher.disconnect();
      removeEventListener("message", receive);
      if (current === lightbox) current = undefined;
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== scrollLock);
      dialog.close(); // a modal dialog gives the focus back when it closes, even from a frame
      host.remove();
    },
    exit(error) {
      if (settled) return;
      settled = true;
      if (error) console.error(error.message);
      call("onExit", error, metadata());
    },
  };
  const watcher = new MutationObserver(lightbox.check);

  const stop = (error: ExitError | null): void => {
    lightbox.remove();
    lightbox.exit(error);
  };

  const quit = (): void => stop(null);

  // Each token gets a new frame. A second address in the same frame would add a step to the page's history.
  function showFrame(): void {
    frame?.remove();
    greeted = false;
    lastSeq = 0;
    frame = make("iframe", {
      title: dialog.ariaLabel,
      // The server knows which origins are registered, but not who frames the page around this frame.
      src: address({ origin, ancestors: [...(location.ancestorOrigins ?? [])] }),
      // A frame that the browser refuses fires `load` too. The only sign is that no hello follows. Link's page holds an empty
      // frame until its script runs.
      onload: ({ target }: Event) =>
        setTimeout(() => {
          if (greeted || target !== frame) return;
          if (frame!.contentWindow!.length) explain({ code: "script_blocked", message: "A filter or an extension blocked Link’s script." });
          else explain({ code: "not_shown", message: `This page lacks frame-src ${base} or allow-same-origin, a page around forbids it, or the server did not answer.` });
        }, 1000),
    });
    frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox");
    dialog.prepend(frame);
  }

  function explain(error: ExitError): void {
    const link = make("a", { textContent: "Open it in a new window", target: "_blank", href: address({}) });
    frame!.remove();
    panel.replaceChildren(make("h1", { textContent: "This page can’t show Link yet" }), make("p", { textContent: error.message }), link, close);
    dialog.append(panel);
    panel.style.animation = "none";
    link.focus();
    lightbox.exit(error);
  }

  async function renew(): Promise<void> {
    try {
      lightbox.token = await lightbox.config.fetchToken!();
      if (!removed) showFrame();
    } catch (cause) {
      stop({ code: "token_not_fetched", message: String(cause) });
    }
  }

  // Anybody can post to a window. Only our frame, at the server's exact origin, counts.
  function receive({ data, origin, source }: MessageEvent<Message | null>): void {
    if (origin !== base || !source || source !== frame?.contentWindow || data?.cobalt !== 1) return;
    const { type, name, seq, public_token, code } = data;
    const error = typeof code === "string" ? { code, message: String(data.message) } : null;
    if (type === "hello") {
      greeted = true;
      if (data.expired && lightbox.config.fetchToken && !renewed) {
        renewed = true;
        return void renew();
      }
      session = data.session as string;
      panel.remove();
      frame.focus();
      send("focus");
      if (!loaded) call("onLoad");
      loaded = true;
    } else if (type === "refused" && error) {
      explain(error);
    } else if (type === "event" && typeof name === "string" && typeof seq === "number" && seq > lastSeq) {
      lastSeq = seq;
      status = (data.pane as string) ?? name;
      call("onEvent", name, { ...metadata(), seq, pane: data.pane, code, at: data.at });
    } else if (type === "success" && !settled && (public_token as string)?.startsWith?.("pt_")) {
      settled = true;
      call("onSuccess", public_token);
    } else if (type === "exit") {
      lightbox.exit(error); // the page stays, so that its user reads why
    } else if (type === "close") {
      stop(error);
    }
  }

  current = lightbox;
  shadow.adoptedStyleSheets = [styleSheet(STYLE)];
  dialog.ariaLabel = "Connect your EHR";
  panel.append(make("h1", { textContent: "Opening…" }), close);
  dialog.append(panel);
  dialog.oncancel = (event) => {
    event.preventDefault();
    // The page in the frame asks the user first if they typed something. If it never loaded, nothing can be lost.
    if (greeted) send("leave");
    else quit();
  };
  // A second Escape closes the dialog although the first was canceled: browsers do not let a page trap its user.
  dialog.onclose = close.onclick = quit;
  shadow.append(dialog);
  // Under <html>: there may be no <body> yet, and frameworks that own the body do not see the node.
  document.documentElement.append(host);
  document.adoptedStyleSheets.push(scrollLock);
  addEventListener("message", receive);
  dialog.showModal();
  (dialog.style as { zoom: unknown }).zoom = 1 / host.currentCSSZoom; // the page may zoom <html>
  watcher.observe(document, { childList: true, subtree: true });
  if (config.token) showFrame();
  else if (config.fetchToken) void renew();
  else queueMicrotask(() => stop({ code: "no_token", message: NO_TOKEN }));
  return lightbox;
}
