// The lightbox: opens Link in a dialog over the page and reports what happens in it. It touches nothing before it opens
// and leaves the page as it was. Served as /init.js; in the npm package it is loaded from the server, never bundled.

import type { Config, ExitError, Handle, Metadata } from "./types";

type Message = { cobalt?: unknown; type?: unknown; [key: string]: unknown };

const script = document.currentScript as HTMLScriptElement | null;
const base = script ? new URL(script.src).origin : location.origin;

const STYLE = `:host{all:initial;color-scheme:light dark}dialog{position:fixed;inset:0;box-sizing:border-box;inline-size:420px;block-size:min(680px,100dvh - 48px);max-inline-size:none;max-block-size:none;margin:auto;padding:0;border:0;border-radius:20px;overflow:clip;color:light-dark(#131d33,#eff2f6);background:linear-gradient(light-dark(#eff5fe,#171f2f) 94px,light-dark(#fff,#111724) 0);box-shadow:0 0 0 1px light-dark(#dae0e9,#2b3446),0 24px 64px -16px rgb(6 14 36/.45);font:15px/1.47 system-ui,sans-serif}
dialog::backdrop{background:rgb(10 18 40/.55)}iframe{position:relative;display:block;inline-size:100%;block-size:100%;border:0}
p{position:absolute;inset:50% 0 auto;margin:0;text-align:center;opacity:0;animation:late .01s 1s forwards}@keyframes late{to{opacity:1}}
section{position:absolute;inset:0;overflow:auto;padding:112px 24px 24px}h1{margin:0 0 8px;font-size:22px;line-height:1.27}code{overflow-wrap:anywhere}
a,button{display:block;box-sizing:border-box;inline-size:100%;margin-block-start:12px;padding:13px;border:0;border-radius:12px;background:light-dark(#0946ad,#2f6cda);color:#fff;font:600 16px/22px system-ui,sans-serif;text-align:center;text-decoration:none;cursor:pointer}button{background:none;color:light-dark(#0946ad,#84b4fb)}:focus-visible{outline:2px solid light-dark(#0946ad,#84b4fb);outline-offset:2px}
@media(max-width:480px),(max-height:520px){dialog{inline-size:100vw;block-size:100dvh;border-radius:0;box-shadow:none}}
@media(prefers-reduced-motion:no-preference){dialog[open]{transition:opacity .24s,transform .24s cubic-bezier(.2,0,0,1)}@starting-style{dialog[open]{opacity:0;transform:translateY(12px)}}}
@media(forced-colors:active){dialog{border:2px solid CanvasText}}`;

let current: { token?: string; config: Config; handle: Handle } | undefined;

/** Opens Link and returns its handle. A second call with the same token keeps the open one, with the new callbacks. */
export function init(config: Config): Handle {
  if (current && current.token === config.token) {
    current.config = config;
    return current.handle;
  }
  current?.handle.close();
  const opened = { token: config.token, config, handle: { close: () => {} } };
  current = opened;
  opened.handle = document.body ? open(opened) : later(opened);
  return opened.handle;
}

function later(opened: NonNullable<typeof current>): Handle {
  let closed = false;
  document.addEventListener("DOMContentLoaded", () => closed || (opened.handle = open(opened)), { once: true });
  return { close: () => ((closed = true), opened.handle.close === undefined) };
}

function open(opened: NonNullable<typeof current>): Handle {
  const root = document.documentElement;
  const focused = document.activeElement as HTMLElement | null;
  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  const dialog = document.createElement("dialog");
  const frame = document.createElement("iframe");
  const overflow = [root.style.getPropertyValue("overflow"), root.style.getPropertyPriority("overflow")];
  const styled = root.hasAttribute("style");
  let seen = 0;
  let done = false;
  let greeted = false;
  let renewed = false;
  let session: string | undefined;
  let last: string | undefined;
  let timer = 0;

  const metadata = (): Metadata => ({ link_session_id: session, status: last });
  const tell = (type: string): void => frame.contentWindow?.postMessage({ cobalt: 1, type }, base);

  function show(token: string | undefined): void {
    greeted = false;
    frame.src = `${base}/?${new URLSearchParams({ token: token ?? "", origin: location.origin })}`;
    clearTimeout(timer);
    timer = setTimeout(() => greeted || refused(), 2000);
  }

  // A frame that its own server refuses to be shown in still fires "load": only its silence tells.
  function refused(): void {
    const message =
      `Link did not open in this page. If ${location.origin} is not a registered origin of this client, register it: ` +
      `cobalt clients update CLIENT --origin ${location.origin}`;
    const said = document.createElement("section");
    said.innerHTML = "<h1>This page can’t show Link yet</h1><code></code><a target=_blank rel=opener>Open it in a new window</a><button>Close</button>";
    said.querySelector("code")!.textContent = message;
    said.querySelector("a")!.href = `${base}/?${new URLSearchParams({ token: opened.token ?? "" })}`;
    said.querySelector("button")!.onclick = () => end();
    dialog.append(said);
    frame.remove();
    console.error(message);
    leave({ code: "origin_not_registered", message });
  }

  function leave(error: ExitError | null): void {
    if (done) return;
    done = true;
    opened.config.onExit?.(error, metadata());
  }

  function end(): void {
    clearTimeout(timer);
    removeEventListener("message", hear);
    if (current === opened) current = undefined;
    if (!host.isConnected) return;
    dialog.close();
    host.remove();
    root.style.setProperty("overflow", overflow[0], overflow[1]);
    if (!styled && !root.getAttribute("style")) root.removeAttribute("style");
    focused?.focus?.({ preventScroll: true });
  }

  async function expired(): Promise<void> {
    if (renewed || !opened.config.fetchToken) return;
    renewed = true;
    try {
      opened.token = await opened.config.fetchToken();
      if (!done) show(opened.token);
    } catch (cause) {
      leave({ code: "token_not_fetched", message: String(cause) });
      end();
    }
  }

  function hear(event: MessageEvent): void {
    const data = event.data as Message | null;
    if (event.origin !== base || event.source !== frame.contentWindow || !data || data.cobalt !== 1) return;
    const { type, name, seq, public_token } = data;
    if (type === "hello") {
      greeted = true;
      session = typeof data.session === "string" ? data.session : undefined;
      frame.focus();
      tell("focus");
      opened.config.onLoad?.();
    } else if (type === "event" && typeof name === "string" && typeof seq === "number" && seq > seen) {
      seen = seq;
      last = typeof data.pane === "string" ? data.pane : name;
      opened.config.onEvent?.(name, { ...metadata(), seq, pane: data.pane as string, code: data.code as string, at: data.at as string });
    } else if (type === "expired") {
      void expired();
    } else if (type === "success" && typeof public_token === "string" && public_token.startsWith("pt_") && !done) {
      done = true;
      opened.config.onSuccess(public_token);
    } else if (type === "close") {
      leave(typeof data.code === "string" ? { code: data.code, message: String(data.message ?? data.code) } : null);
      end();
    }
  }

  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  frame.title = "Connect your EHR";
  frame.setAttribute("sandbox", "allow-scripts allow-forms allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  dialog.setAttribute("aria-label", frame.title);
  dialog.innerHTML = "<p role=status>Opening…</p>";
  dialog.append(frame);
  dialog.oncancel = (event) => {
    event.preventDefault();
    // The frame asks before it drops what was typed; one that does not answer is closed.
    if (greeted) tell("leave");
    else handle.close();
  };
  shadow.append(dialog);
  document.body.append(host);
  addEventListener("message", hear);
  root.style.setProperty("overflow", "hidden", "important");
  dialog.showModal();
  const handle = {
    close: () => {
      leave(null);
      end();
    },
  };
  if (opened.token) show(opened.token);
  else void expired();
  return handle;
}
