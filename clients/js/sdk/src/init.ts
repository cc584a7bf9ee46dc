// The lightbox: opens Link in a dialog over the page and reports what happens in it. It touches nothing before it opens
// and leaves the page as it was. Served as /init.js; in the npm package it is loaded from the server, never bundled.

import type { Config, ExitError, Handle, Metadata } from "./types.js";

type Message = { cobalt?: unknown; type?: unknown; [key: string]: unknown };
type Opened = {
  asked: string | undefined;
  token: string | undefined;
  config: Config;
  end: () => void;
  leave: (error: ExitError | null) => void;
};

const script = document.currentScript as HTMLScriptElement | null;
const base = new URL(script?.src ?? location.href).origin;

const PLATE = `:host{all:initial;color-scheme:light dark}dialog{position:fixed;inset:0;box-sizing:border-box;inline-size:420px;block-size:min(680px,100dvh - 48px);max-inline-size:none;max-block-size:none;margin:auto;padding:0;border:0;border-radius:20px;overflow:clip;color:light-dark(#131d33,#eff2f6);background:linear-gradient(light-dark(#eff5fe,#171f2f) 94px,light-dark(#fff,#111724) 0);box-shadow:0 0 0 1px light-dark(#dae0e9,#2b3446),0 24px 64px -16px rgb(6 14 36/.45);font:15px/1.47 system-ui,sans-serif}
dialog::backdrop{background:rgb(10 18 40/.55)}iframe{display:block;inline-size:100%;block-size:100%;border:0}
section{position:absolute;inset:0;overflow:auto;padding:112px 24px 24px;visibility:hidden;animation:late 0s 1s forwards}@keyframes late{to{visibility:visible}}h1,p{margin:0 0 8px}h1{font-size:22px;line-height:1.27}code{overflow-wrap:anywhere}
a,button{display:block;box-sizing:border-box;inline-size:100%;margin-block-start:12px;padding:13px;border:0;border-radius:12px;background:light-dark(#0946ad,#2f6cda);color:#fff;font:600 16px/22px system-ui,sans-serif;text-align:center;text-decoration:none;cursor:pointer}button{background:none;color:light-dark(#0946ad,#84b4fb)}:focus-visible{outline:2px solid light-dark(#0946ad,#84b4fb);outline-offset:2px}
@media(max-width:480px),(max-height:520px){dialog{inline-size:100vw;block-size:100dvh;border-radius:0;box-shadow:none}}
@media(prefers-reduced-motion:no-preference){dialog[open]{transition:opacity .24s,transform .24s cubic-bezier(.2,0,0,1)}@starting-style{dialog[open]{opacity:0;transform:translateY(12px)}}}
@media(forced-colors:active){dialog{border:2px solid CanvasText}}`;

let current: Opened | undefined;

/** Opens Link. A second call with the same token keeps the open one, with the new callbacks. */
export function init(config: Config): Handle {
  const before = current;
  let opened = before;
  if (opened && (config.token === opened.asked || config.token === opened.token)) {
    opened.config = config;
  } else {
    before?.end();
    opened = open(config);
    // Told last: what the app does now finds the new one in place.
    before?.leave(null);
  }
  return {
    // Who called again has taken over: a component that goes away does not close what its successor shows.
    close() {
      if (opened.config !== config) return;
      opened.end();
      opened.leave(null);
    },
  };
}

function sheet(css: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

function open(config: Config): Opened {
  const make = document.createElement.bind(document);
  const host = make("div");
  const shadow = host.attachShadow({ mode: "open" });
  const dialog = make("dialog") as HTMLDialogElement;
  const plate = make("section");
  const title = make("h1");
  const close = make("button");
  // A sheet of our own, so that no inline style of the page is ever touched, and no policy of it is in the way.
  const lock = sheet("html{overflow:hidden!important}");
  let frame: HTMLIFrameElement | undefined;
  let seen = 0;
  let done = false;
  let ended = false;
  let greeted = false;
  let loaded = false;
  let renewed = false;
  let session: string | undefined;
  let last: string | undefined;
  let timer = 0;

  const metadata = (): Metadata => ({ link_session_id: session, status: last });
  const address = (more: object): string => `${base}/?${new URLSearchParams({ token: opened.token!, ...more })}`;
  const tell = (type: string): void => frame!.contentWindow!.postMessage({ cobalt: 1, type }, base);

  const opened: Opened = {
    asked: config.token,
    token: config.token,
    config,
    end() {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      removeEventListener("message", hear);
      if (current === opened) current = undefined;
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== lock);
      dialog.close(); // gives the focus back
      host.remove();
    },
    leave(error) {
      if (done) return;
      done = true;
      if (error) console.error(error.message);
      opened.config.onExit?.(error, metadata());
    },
  };

  const stop = (error: ExitError | null): void => {
    opened.end();
    opened.leave(error);
  };

  // A new frame for each token: one frame with two addresses would leave a step in the page's history.
  function show(): void {
    clearTimeout(timer);
    frame?.remove();
    frame = make("iframe") as HTMLIFrameElement;
    greeted = false;
    seen = 0;
    frame.title = dialog.ariaLabel!;
    frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox");
    frame.src = address({ origin: location.origin });
    // One that its own server refuses to be shown here loads too, as far as can be seen: only its silence tells.
    frame.onload = () => {
      clearTimeout(timer);
      timer = setTimeout(() => greeted || refuse(), 1000);
    };
    dialog.prepend(frame);
  }

  function refuse(): void {
    const why = make("p");
    const fix = make("code");
    const link = make("a") as HTMLAnchorElement;
    why.textContent = `Link did not open in this page: ${location.origin} is not registered, the token is not from ${base}, or this page’s policy lacks frame-src ${base}. To register it:`;
    fix.textContent = `cobalt clients update CLIENT --origin ${location.origin}`;
    const message = `${why.textContent} ${fix.textContent}`;
    frame!.remove();
    title.textContent = "This page can’t show Link yet";
    link.textContent = "Open it in a new window";
    link.target = "_blank";
    link.href = address({});
    close.before(why, fix, link);
    dialog.append(plate);
    plate.style.visibility = "visible";
    link.focus();
    opened.leave({ code: "origin_not_registered", message });
  }

  async function renew(): Promise<void> {
    try {
      opened.token = await opened.config.fetchToken!();
      if (!ended) show();
    } catch (cause) {
      stop({ code: "token_not_fetched", message: String(cause) });
    }
  }

  function hear({ data, origin, source }: MessageEvent<Message | null>): void {
    if (origin !== base || !source || source !== frame?.contentWindow || data?.cobalt !== 1) return;
    const { type, name, seq, public_token, code } = data;
    if (type === "hello") {
      greeted = true;
      if (data.expired && opened.config.fetchToken && !renewed) {
        renewed = true;
        return void renew();
      }
      session = data.session as string;
      plate.remove();
      frame.focus();
      tell("focus");
      if (!loaded) opened.config.onLoad?.();
      loaded = true;
    } else if (type === "event" && typeof name === "string" && typeof seq === "number" && seq > seen) {
      seen = seq;
      last = (data.pane as string) ?? name;
      opened.config.onEvent?.(name, { ...metadata(), seq, pane: data.pane as string, code: code as string, at: data.at as string });
    } else if (type === "success" && typeof public_token === "string" && public_token.startsWith("pt_") && !done) {
      done = true;
      opened.config.onSuccess(public_token);
    } else if (type === "close") {
      stop(typeof code === "string" ? { code, message: String(data.message) } : null);
    }
  }

  current = opened;
  shadow.adoptedStyleSheets = [sheet(PLATE)];
  dialog.ariaLabel = "Connect your EHR";
  title.textContent = "Opening…";
  close.textContent = "Close";
  close.onclick = () => stop(null);
  plate.append(title, close);
  dialog.append(plate);
  dialog.oncancel = (event) => {
    event.preventDefault();
    // The frame asks before it drops what was typed; one that is not there is closed.
    if (greeted) tell("leave");
    else stop(null);
  };
  // A second Escape cannot be prevented: browsers let nobody trap a person.
  dialog.onclose = () => stop(null);
  shadow.append(dialog);
  document.documentElement.append(host);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, lock];
  addEventListener("message", hear);
  dialog.showModal();
  if (config.token) show();
  else if (config.fetchToken) void renew();
  else queueMicrotask(() => stop({ code: "no_token", message: "CobaltLink.init needs a token from POST /link/token/create" }));
  return opened;
}
