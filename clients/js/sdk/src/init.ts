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
  /** Takes the dialog off the page and calls nobody. */
  remove: () => void;
  /** Calls `onExit` unless the app already got a result. */
  exit: (error: ExitError | null) => void;
};

const script = document.currentScript as HTMLScriptElement | null;
const base = new URL(script?.src ?? location.href).origin;

// The colors are those of link.css, so nothing jumps when Link's page covers the panel. The panel appears after a second, so
// that it does not flash while a fast page loads.
const STYLE = `:host{all:initial;color-scheme:light dark}dialog{position:fixed;inset:0;box-sizing:border-box;inline-size:420px;block-size:min(680px,100dvh - 48px);max-inline-size:none;max-block-size:none;margin:auto;padding:0;border:0;border-radius:20px;overflow:clip;color:light-dark(#131d33,#eff2f6);background:linear-gradient(light-dark(#eff5fe,#171f2f) 94px,light-dark(#fff,#111724) 0);box-shadow:0 0 0 1px light-dark(#dae0e9,#2b3446),0 24px 64px -16px rgb(6 14 36/.45);font:15px/1.47 system-ui,sans-serif}
dialog::backdrop{background:rgb(10 18 40/.55)}iframe{display:block;inline-size:100%;block-size:100%;border:0}
section{position:absolute;inset:0;overflow:auto;padding:112px 24px 24px;visibility:hidden;animation:late 0s 1s forwards}@keyframes late{to{visibility:visible}}h1,p{margin:0 0 8px}h1{font-size:22px;line-height:1.27}code{overflow-wrap:anywhere}
a,button{display:block;box-sizing:border-box;inline-size:100%;margin-block-start:12px;padding:13px;border:0;border-radius:12px;background:light-dark(#0946ad,#2f6cda);color:#fff;font:600 16px/22px system-ui,sans-serif;text-align:center;text-decoration:none;cursor:pointer}button{background:none;color:light-dark(#0946ad,#84b4fb)}:focus-visible{outline:2px solid light-dark(#0946ad,#84b4fb);outline-offset:2px}
@media(max-width:480px),(max-height:520px){dialog{inline-size:100vw;block-size:100dvh;border-radius:0;box-shadow:none}}
@media(prefers-reduced-motion:no-preference){dialog[open]{transition:opacity .24s,transform .24s cubic-bezier(.2,0,0,1)}@starting-style{dialog[open]{opacity:0;transform:translateY(12px)}}}
@media(forced-colors:active){dialog{border:2px solid CanvasText}}`;

let current: Lightbox | undefined;

/** Opens Link. A second call with the same token keeps the open lightbox and replaces its callbacks. */
export function init(config: Config): Handle {
  const before = current;
  let lightbox = before;
  if (lightbox && (config.token === lightbox.given || config.token === lightbox.token)) {
    lightbox.config = config;
  } else {
    before?.remove();
    lightbox = open(config);
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

function open(config: Config): Lightbox {
  const make = document.createElement.bind(document);
  const host = make("div");
  // The page's own rules, such as `div:empty { display: none }`, stop at a shadow root.
  const shadow = host.attachShadow({ mode: "open" });
  const dialog = make("dialog") as HTMLDialogElement;
  const panel = make("section");
  const title = make("h1");
  const close = make("button");
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
  let timer = 0;

  const metadata = (): Metadata => ({ link_session_id: session, status });
  const address = (more: object): string => `${base}/?${new URLSearchParams({ token: lightbox.token!, ...more })}`;
  const send = (type: string): void => frame!.contentWindow!.postMessage({ cobalt: 1, type }, base);

  const lightbox: Lightbox = {
    given: config.token,
    token: config.token,
    config,
    remove() {
      if (removed) return;
      removed = true;
      clearTimeout(timer);
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
      lightbox.config.onExit?.(error, metadata());
    },
  };

  const stop = (error: ExitError | null): void => {
    lightbox.remove();
    lightbox.exit(error);
  };

  // Each token gets a new frame. A second address in the same frame would add a step to the page's history.
  function showFrame(): void {
    clearTimeout(timer);
    frame?.remove();
    frame = make("iframe") as HTMLIFrameElement;
    greeted = false;
    lastSeq = 0;
    frame.title = dialog.ariaLabel!;
    frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox");
    frame.src = address({ origin: location.origin });
    // A frame that `frame-ancestors` forbids fires `load` too. The only sign is that no hello follows.
    frame.onload = () => {
      clearTimeout(timer);
      timer = setTimeout(() => greeted || explainRefusal(), 1000);
    };
    dialog.prepend(frame);
  }

  function explainRefusal(): void {
    const reason = make("p");
    const fix = make("code");
    const link = make("a") as HTMLAnchorElement;
    reason.textContent = `Link did not open in this page: ${location.origin} is not registered, the token is not from ${base}, or this page’s policy lacks frame-src ${base}. To register it:`;
    fix.textContent = `cobalt clients update CLIENT --origin ${location.origin}`;
    const message = `${reason.textContent} ${fix.textContent}`;
    frame!.remove();
    title.textContent = "This page can’t show Link yet";
    link.textContent = "Open it in a new window";
    link.target = "_blank";
    link.href = address({});
    close.before(reason, fix, link);
    dialog.append(panel);
    panel.style.visibility = "visible";
    link.focus();
    lightbox.exit({ code: "origin_not_registered", message });
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
      if (!loaded) lightbox.config.onLoad?.();
      loaded = true;
    } else if (type === "event" && typeof name === "string" && typeof seq === "number" && seq > lastSeq) {
      lastSeq = seq;
      status = (data.pane as string) ?? name;
      lightbox.config.onEvent?.(name, { ...metadata(), seq, pane: data.pane as string, code: code as string, at: data.at as string });
    } else if (type === "success" && typeof public_token === "string" && public_token.startsWith("pt_") && !settled) {
      settled = true;
      lightbox.config.onSuccess(public_token);
    } else if (type === "exit") {
      lightbox.exit({ code: code as string, message: String(data.message) });
    } else if (type === "close") {
      stop(typeof code === "string" ? { code, message: String(data.message) } : null);
    }
  }

  current = lightbox;
  shadow.adoptedStyleSheets = [styleSheet(STYLE)];
  dialog.ariaLabel = "Connect your EHR";
  title.textContent = "Opening…";
  close.textContent = "Close";
  close.onclick = () => stop(null);
  panel.append(title, close);
  dialog.append(panel);
  dialog.oncancel = (event) => {
    event.preventDefault();
    // The page in the frame asks the user first if they typed something. If it never loaded, nothing can be lost.
    if (greeted) send("leave");
    else stop(null);
  };
  // A second Escape closes the dialog although the first was canceled: browsers do not let a page trap its user.
  dialog.onclose = () => stop(null);
  shadow.append(dialog);
  // Under <html>: there may be no <body> yet, and frameworks that own the body do not see the node.
  document.documentElement.append(host);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, scrollLock];
  addEventListener("message", receive);
  dialog.showModal();
  if (config.token) showFrame();
  else if (config.fetchToken) void renew();
  else queueMicrotask(() => stop({ code: "no_token", message: "CobaltLink.init needs a token from POST /link/token/create" }));
  return lightbox;
}
