// Saves the pages of Link their reloads: forms and links go by fetch, and what changed is put in place. Nothing here is
// needed: without it each form is a page of its own.

import { around, closes, finishes, greet, handOver, isFramed, note, typedSomething } from "./frame";
import { closing } from "./closing";
import { improve, say } from "./pane";

// In a frame the attempt's secret comes with the page and stays in this variable: there may be no cookie. A window has
// its cookie, and an address that somebody was sent must not open an attempt there (S-024).
const given = document.documentElement.dataset;
const secret = isFramed ? given.secret || location.hash.match(/^#s=([\w-]{20,})$/)?.[1] : undefined;
// The frame may be loaded anew from here; the token that opened it is gone from its address (S-009).
if (given.path) history.replaceState(null, "", given.path + (isFramed ? `?${new URLSearchParams({ origin: around! })}#s=${secret}` : ""));
delete given.secret;
const path = location.pathname.match(/^\/link\/\w+/)?.[0] ?? "";
const FIRST = "main :is([autofocus], [data-focus])"; // the field to begin with
let turn = 0;
let going = 0; // steps on their way: what was typed just before must not call them off

type Sent = { method: string; body: URLSearchParams };

function request(url: string, sent?: Sent, accept = "text/html"): Promise<Response> {
  const headers: Record<string, string> = { accept, "cobalt-script": "1" };
  if (secret) headers["cobalt-session"] = secret;
  if (isFramed) headers["cobalt-parent"] = around!;
  return fetch(url, { ...sent, headers, credentials: "same-origin" });
}

/** Shows the page at `url`; the newest call wins. `push`: a step that Back undoes. */
async function go(url: string, sent?: Sent, push = false): Promise<void> {
  const mine = ++turn;
  going++;
  const busy = document.activeElement?.closest("form");
  busy?.setAttribute("aria-busy", "true");
  try {
    const response = await request(url, sent);
    if (mine !== turn) return;
    const html = await read(response, mine);
    if (mine !== turn || html === undefined) return;
    const next = html.match(/http-equiv="refresh" content="0;url=([^"]+)"/)?.[1];
    if (next) return await go(next);
    const page = parse(html);
    if (!page.querySelector("main")) throw new TypeError("not a page of Link"); // a proxy's word: ours is not there now
    // A frame's steps would stay behind in the history of the page around it.
    if (path && !isFramed) history[push ? "pushState" : "replaceState"](null, "", response.url.replace(/[?&]stale=1/, ""));
    await show(page, false, mine);
    if (mine !== turn) return;
  } catch (error) {
    if (mine !== turn) return;
    busy?.removeAttribute("aria-busy");
    if (!(error instanceof TypeError)) throw error;
    return offline(() => (sent ? again(url, sent) : go(url, undefined, push)));
  } finally {
    going--;
  }
  await after();
}

/** Sends an answer once more, unless the one before arrived after all: then what came of it is shown. */
async function again(url: string, sent: Sent): Promise<void> {
  const response = await request(path).catch(() => undefined);
  if (!response) return offline(() => again(url, sent));
  if (response.headers.has("cobalt-streamed")) return void response.body?.cancel().then(() => go(path));
  const open = parse(await response.text()).querySelector<HTMLInputElement>("[name=pane]")?.value;
  return open === sent.body.get("pane") ? go(url, sent) : go(path);
}

/** The whole text of an answer; one that is streamed is shown while it comes. */
async function read(response: Response, mine: number): Promise<string | undefined> {
  if (!response.headers.has("cobalt-streamed") || !response.body) return response.text();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let html = "";
  let shown = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (mine !== turn) return void reader.cancel();
    if (done && !html.includes("</html>")) throw new TypeError("cut off");
    if (done) return html;
    html += value;
    await show(parse(html), shown, mine);
    shown = true;
    void note(request, path);
  }
}

function parse(html: string): Document {
  const page = new DOMParser().parseFromString(html, "text/html");
  // Chromium refuses autofocus in a frame of another site and complains of it in the app's console.
  for (const each of isFramed ? page.querySelectorAll("[autofocus]") : []) {
    each.removeAttribute("autofocus");
    each.setAttribute("data-focus", "");
  }
  return page;
}

/** Puts the parts of a page in place, unless a newer one was asked for since turn `mine`; `more` of a page that is shown
 * already only adds its steps. Resolves when they are there: what follows looks for them. */
async function show(page: Document, more: boolean, mine: number): Promise<void> {
  const steps = page.querySelector(".steps.live");
  if (more) {
    const shown = document.querySelector(".steps.live");
    const fresh = [...(steps?.children ?? [])].slice(shown?.children.length ?? 0);
    shown?.append(...fresh);
    if (fresh.length) say(fresh.at(-1)!.textContent ?? "");
    return;
  }
  const swap = (): void => {
    if (mine !== turn) return;
    document.title = page.title;
    document.documentElement.lang = page.documentElement.lang;
    document.documentElement.dir = page.documentElement.dir;
    for (const part of ["header", "main", "footer"]) {
      const [was, fresh] = [document.querySelector(part), page.querySelector(part)];
      if (was && fresh && !moved(was, fresh)) was.replaceWith(fresh);
    }
    scrollTo(0, 0);
    improve(search);
    closing(request);
    say(document.title);
  };
  // A transition takes a picture of what was and swaps some frames later. What follows waits for the swap, not for the
  // motion; the first pane comes from nowhere, and where somebody is about to type the pane is there at once and fades in.
  const moves = !document.querySelector("main[data-page=shell]") && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (moves && document.startViewTransition && !page.querySelector(FIRST)) {
    await document.startViewTransition(swap).updateCallbackDone;
  } else {
    swap();
    if (moves) document.querySelector("main")!.animate({ opacity: [0, 1] }, 160);
  }
  focus();
}

/** The same header but for how far the wire is: only the bead moves. */
function moved(was: Element, fresh: Element): boolean {
  const [wire, next] = [was, fresh].map((each) => each.querySelector(".wire"));
  if (!wire || !next) return false;
  const at = next.className;
  next.className = wire.className;
  const same = was.isEqualNode(fresh);
  (same ? wire : next).className = at;
  return same;
}

function focus(): void {
  const wanted = document.querySelector<HTMLElement>(FIRST) ?? document.querySelector<HTMLElement>("h1");
  if (wanted?.matches("h1")) wanted.tabIndex = -1;
  wanted?.focus({ preventScroll: true });
}

async function after(): Promise<void> {
  await note(request, path);
  if (isFramed && document.querySelector("[data-pane=done]") && !(await handOver(request, path, notice))) await go(path);
}

/** Says why nothing goes on, or no longer says so; what was typed stays. */
function notice(wanted: boolean): void {
  const there = document.querySelector(".offline");
  if (!wanted) return there?.remove();
  const hidden = document.querySelector<HTMLTemplateElement>("#offline");
  if (there || !hidden) return;
  const said = hidden.content.firstElementChild!.cloneNode(true) as HTMLElement;
  said.classList.add("offline");
  said.setAttribute("role", "alert");
  document.querySelector("main .head, main h1")?.after(said);
}

/** Goes on by itself when the network is back; an answer from here calls that off. */
function offline(retry: () => Promise<void>): void {
  const mine = turn;
  notice(true);
  const go = (): void => {
    if (mine !== turn) return;
    notice(false);
    void retry();
  };
  if (navigator.onLine) setTimeout(go, 3000);
  else addEventListener("online", go, { once: true });
}

/** The picker's results as one types: only what stands below the search box changes. */
async function search(form: HTMLFormElement): Promise<void> {
  if (going || !form.isConnected) return;
  const mine = ++turn;
  const response = await request(target(form, null).href).catch(() => undefined);
  const page = response && parse(await response.text());
  if (!page || mine !== turn) return;
  const box = form.parentElement!;
  while (form.nextElementSibling) form.nextElementSibling.remove();
  let fresh = page.querySelector("form[role=search]")?.nextElementSibling;
  while (fresh) {
    const next = fresh.nextElementSibling;
    box.append(fresh);
    fresh = next;
  }
  const found = page.querySelector("form[role=search] .hint")?.textContent ?? page.querySelector("main h2")?.textContent;
  say(found ?? "");
}

function target(form: HTMLFormElement, by: HTMLElement | null): URL {
  const url = new URL(by?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href);
  if (form.method === "get") url.search = String(fields(form, by));
  return url;
}

function fields(form: HTMLFormElement, by: HTMLElement | null): URLSearchParams {
  const data = new FormData(form, by);
  return new URLSearchParams([...data].map(([name, value]) => [name, String(value)]));
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const url = target(form, event.submitter);
  const leavesLink = url.pathname.endsWith("/done");
  if (url.origin !== location.origin || (leavesLink && !isFramed)) return;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  if (leavesLink) return finishes(form);
  if (isFramed && closes(event.submitter)) return;
  if (form.method === "get") void go(url.href, undefined, true);
  else void go(url.href, { method: "POST", body: fields(form, event.submitter) });
});

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest("a");
  if (!link || link.target || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (isFramed && closes(link)) return event.preventDefault();
  if (link.origin !== location.origin || !path || !link.pathname.startsWith(path)) return;
  event.preventDefault();
  // "Try again" leads to where one is; in a frame that address is the shell's.
  const here = link.pathname === location.pathname && link.search === location.search;
  void go(here ? path : link.href, undefined, true);
});

addEventListener("popstate", () => void go(location.href));
function start(): void {
  const sheet = document.querySelector<HTMLElement>(".sheet");
  if (sheet) sheet.inert = false;
  greet(() => (typedSomething() ? void go(`${path}/exit`, undefined, true) : undefined), focus);
  improve(search);
  closing(request);
  if (isFramed && document.querySelector("main[data-page=shell]")) void go(path);
  else if (document.querySelector(".steps.live") === null && path) void after();
}

// The script does not wait for the style sheet: on a slow line that is one way over the network.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();
