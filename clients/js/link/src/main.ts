// Replaces page loads in Link: sends forms and follows links with fetch, and swaps the parts that changed. Link works without
// this script. Then each form leads to a page of its own.

import { announce, enhance } from "./pane";
import { closesLink, connect, finishByButton, forgetTyped, handOver, hasTyped, isFramed, parentOrigin, reportEvents } from "./frame";
import { isOver, scheduleEnd, scheduleNotice, takeTimes } from "./closing";

// In a frame there may be no cookie, so the page brings the secret of its link session, and only this variable keeps it. In a
// window the cookie counts. There, somebody could have been sent an address with a secret in it (S-024).
const given = document.documentElement.dataset;
const secret = isFramed ? given.secret || location.hash.match(/^#s=([\w-]{20,})$/)?.[1] : undefined;
// Takes the link token out of the frame's address, and the secret out of the page (S-009). A reload of the frame needs the secret:
// the fragment keeps it, and browsers send no fragment anywhere.
if (given.path) {
  const query = isFramed ? `?${new URLSearchParams({ origin: parentOrigin! })}#s=${secret}` : "";
  history.replaceState(null, "", given.path + query);
}
delete given.secret;
const path = location.pathname.match(/^\/link\/\w+/)?.[0] ?? "";
const FIRST_FIELD = "main :is([autofocus], [data-focus])";
// Counts page changes. Whoever waits for an answer compares the number afterwards: if it has changed, a newer page was asked for.
let latest = 0;
// Page changes under way. A search that starts meanwhile must not cancel them: the user typed just before they sent the form.
let pending = 0;
let expiring: Promise<boolean> | undefined;

type Post = { method: string; body: URLSearchParams };

function request(url: string, post?: Post, accept = "text/html"): Promise<Response> {
  const headers: Record<string, string> = { accept, "cobalt-script": "1" };
  if (secret) headers["cobalt-session"] = secret;
  if (isFramed) headers["cobalt-parent"] = parentOrigin!;
  return fetch(url, { ...post, headers, credentials: "same-origin" });
}

/** Shows the page at `url`. The newest call wins. `push`: the Back button returns to the page before. */
async function go(url: string, post?: Post, push = false): Promise<void> {
  const mine = ++latest;
  pending++;
  const form = document.activeElement?.closest("form");
  form?.setAttribute("aria-busy", "true");
  try {
    const response = await request(url, post);
    if (mine !== latest) return;
    const html = await read(response, mine);
    if (mine !== latest || html === undefined) return;
    const next = html.match(/http-equiv="refresh" content="0;url=([^"]+)"/)?.[1];
    if (next) return await go(next);
    const page = parse(html);
    // A proxy answers for a server that is down. Treat it as a lost connection.
    if (!page.querySelector("main")) throw new TypeError("not a page of Link");
    // Not in a frame: its steps would stay in the history of the app's page.
    if (path && !isFramed) history[push ? "pushState" : "replaceState"](null, "", response.url.replace(/[?&]stale=1/, ""));
    await show(page, false, mine);
    if (mine !== latest) return;
  } catch (error) {
    if (mine !== latest) return;
    form?.removeAttribute("aria-busy");
    if (!(error instanceof TypeError)) throw error; // fetch and the stream say "no connection" with a TypeError
    return waitForNetwork(() => (post ? resend(url, post) : go(url, undefined, push)));
  } finally {
    pending--;
  }
  await afterShow();
}

/** Sends an answer again after a lost connection, unless the first one arrived: then shows what came of it. */
async function resend(url: string, post: Post): Promise<void> {
  const response = await request(path).catch(() => undefined);
  if (!response) return waitForNetwork(() => resend(url, post));
  if (response.headers.has("cobalt-streamed")) return void response.body?.cancel().then(() => go(path));
  const openPane = parse(await response.text()).querySelector<HTMLInputElement>("[name=pane]")?.value;
  return openPane === post.body.get("pane") ? go(url, post) : go(path);
}

/** Reads the whole response. Shows a streamed page while it arrives. Undefined if a newer page was asked for meanwhile. */
async function read(response: Response, mine: number): Promise<string | undefined> {
  if (!response.headers.has("cobalt-streamed") || !response.body) return response.text();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let html = "";
  let shown = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (mine !== latest) return void reader.cancel();
    if (done && !html.includes("</html>")) throw new TypeError("cut off");
    if (done) return html;
    html += value;
    if (!value.trim()) continue; // it only keeps the connection open
    await show(parse(html), shown, mine);
    shown = true;
    void reportEvents(request, path);
  }
}

function parse(html: string): Document {
  const page = new DOMParser().parseFromString(html, "text/html");
  // Chromium refuses autofocus in a frame of another site, and complains in the console of the app's page.
  for (const each of isFramed ? page.querySelectorAll("[autofocus]") : []) {
    each.removeAttribute("autofocus");
    each.setAttribute("data-focus", "");
  }
  return page;
}

/** Swaps the parts of the page, unless a newer page was asked for after `mine`. With `more`, the page is shown already and has
 * only got new steps. Resolves once the parts are in place: the callers look for elements in them. */
async function show(page: Document, more: boolean, mine: number): Promise<void> {
  const steps = page.querySelector(".steps.live");
  if (more) {
    const shown = document.querySelector(".steps.live");
    const fresh = [...(steps?.children ?? [])].slice(shown?.children.length ?? 0);
    shown?.append(...fresh);
    if (fresh.length) announce(fresh.at(-1)!.textContent ?? "");
    return;
  }
  const swap = (): void => {
    if (mine !== latest) return;
    document.title = page.title;
    document.documentElement.lang = page.documentElement.lang;
    document.documentElement.dir = page.documentElement.dir;
    for (const part of ["header", "main", "footer"]) {
      const [old, fresh] = [document.querySelector(part), page.querySelector(part)];
      if (old && fresh && !moveBead(old, fresh)) old.replaceWith(fresh);
    }
    scrollTo(0, 0);
    enhance(search, () => void go(path));
    scheduleTimes();
    announce(document.title);
  };
  // A view transition takes a picture of the old page first and swaps some frames later. Wait for the swap, not for the motion.
  // No transition from the empty first page. None where the user is about to type either: that pane must be there at once.
  const moves = !document.querySelector("main[data-page=shell]") && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (moves && document.startViewTransition && !page.querySelector(FIRST_FIELD)) {
    await document.startViewTransition(swap).updateCallbackDone;
  } else {
    swap();
    if (moves) document.querySelector("main")!.animate({ opacity: [0, 1] }, 160);
  }
  focusFirst();
}

/** Keeps the old header if only the progress on its wire differs, so that the bead glides there. Returns whether it did. */
function moveBead(old: Element, fresh: Element): boolean {
  const [wire, next] = [old, fresh].map((each) => each.querySelector(".wire"));
  if (!wire || !next) return false;
  const progress = next.className;
  next.className = wire.className;
  const same = old.isEqualNode(fresh);
  (same ? wire : next).className = progress;
  return same;
}

function focusFirst(): void {
  const target = document.querySelector<HTMLElement>(FIRST_FIELD) ?? document.querySelector<HTMLElement>("h1");
  if (target?.matches("h1")) target.tabIndex = -1;
  target?.focus({ preventScroll: true });
}

async function afterShow(): Promise<void> {
  const way = isFramed ? null : document.querySelector<HTMLElement>("[data-returns]");
  // The browser itself must follow the redirect to the app. Its history then leads past the end of Link.
  if (way) return location.replace(way.dataset.returns!);
  await reportEvents(request, path);
  const done = isFramed && document.querySelector("[data-pane=done]");
  if (done && !(await handOver(request, path, showOffline))) await go(path);
}

function scheduleTimes(): void {
  scheduleNotice(request, (page) => stayOpen(parse(page)));
  scheduleEnd(expire);
}

/** Keeps the page as it is: its link session stays open for longer than the page knew. */
function stayOpen(page: Document): void {
  takeTimes(page);
  scheduleTimes();
}

/** The time of the link session is over, by this machine's clock: shows the page that says so, and sends nothing of what the user
 * typed. Resolves to false if the session is still open, because another page extended it or the clock was changed. */
function expire(): Promise<boolean> {
  return (expiring ??= checkEnd().finally(() => (expiring = undefined)));
}

async function checkEnd(): Promise<boolean> {
  const mine = ++latest;
  const response = await request(path).catch(() => undefined);
  if (mine !== latest) return true;
  if (response?.headers.has("cobalt-streamed")) {
    void response.body?.cancel();
    await go(path);
    return true;
  }
  const html = await response?.text().catch(() => undefined);
  const page = html === undefined ? undefined : parse(html);
  if (page?.querySelector("template#expired")) {
    stayOpen(page);
    return false;
  }
  forgetTyped();
  if (page?.querySelector("main")) {
    await show(page, false, mine);
    await afterShow();
  } else {
    const over = document.querySelector<HTMLTemplateElement>("template#expired");
    if (over) document.querySelector("main")!.replaceChildren(over.content.cloneNode(true));
    scheduleTimes(); // the template is gone, so this stops the clock
    focusFirst();
    announce(document.querySelector("h1")!.textContent!);
    waitForNetwork(() => go(path));
  }
  return true;
}

/** Shows or removes the notice that there is no connection. The rest of the page stays, with all that the user typed. */
function showOffline(offline: boolean): void {
  const shown = document.querySelector(".offline");
  if (!offline) return shown?.remove();
  const hidden = document.querySelector<HTMLTemplateElement>("#offline");
  if (shown || !hidden) return;
  const notice = hidden.content.firstElementChild!.cloneNode(true) as HTMLElement;
  notice.classList.add("offline");
  notice.setAttribute("role", "alert");
  document.querySelector("main .head, main h1")?.after(notice);
}

/** Calls `retry` once the network is back, unless the user has done something else meanwhile. */
function waitForNetwork(retry: () => Promise<void>): void {
  const mine = latest;
  showOffline(true);
  const retryIfCurrent = (): void => {
    if (mine !== latest) return;
    showOffline(false);
    void retry();
  };
  // `onLine` is true for any network, even one that does not reach the server.
  if (navigator.onLine) setTimeout(retryIfCurrent, 3000);
  else addEventListener("online", retryIfCurrent, { once: true });
}

/** Updates the results below the search box. The box itself stays, with its focus. */
async function search(form: HTMLFormElement): Promise<void> {
  if (pending || !form.isConnected || isOver()) return;
  const mine = ++latest;
  const response = await request(target(form, null).href).catch(() => undefined);
  const page = response && parse(await response.text());
  if (!page || mine !== latest) return;
  const box = form.parentElement!;
  while (form.nextElementSibling) form.nextElementSibling.remove();
  let fresh = page.querySelector("form[role=search]")?.nextElementSibling;
  while (fresh) {
    const next = fresh.nextElementSibling;
    box.append(fresh);
    fresh = next;
  }
  const summary = page.querySelector("form[role=search] .hint")?.textContent ?? page.querySelector("main h2")?.textContent;
  announce(summary ?? "");
}

function target(form: HTMLFormElement, submitter: HTMLElement | null): URL {
  const url = new URL(submitter?.getAttribute("formaction") ?? form.getAttribute("action") ?? "", location.href);
  if (form.method === "get") url.search = String(fields(form, submitter));
  return url;
}

function fields(form: HTMLFormElement, submitter: HTMLElement | null): URLSearchParams {
  const data = new FormData(form, submitter);
  return new URLSearchParams([...data].map(([name, value]) => [name, String(value)]));
}

/** Lets a form of a frame open the EHR's own page in a window, and shows that the user goes on there. */
function openEhr(event: Event, form: HTMLFormElement): void {
  // Only the click itself may open a window. One that is open already is used again.
  const opened = form.dataset.window === "blocked" || open("about:blank", "cobalt_ehr");
  if (!opened) {
    event.preventDefault();
    return void go(`${path}?window=blocked`);
  }
  form.target = form.dataset.window === "blocked" ? "_blank" : "cobalt_ehr";
  const field = form.elements.namedItem("secret") as HTMLInputElement;
  field.value = secret ?? "";
  setTimeout(() => {
    field.value = "";
    void go(`${path}?window=away`);
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  const url = target(form, event.submitter);
  if (form.dataset.window) {
    if (!isOver()) return isFramed ? openEhr(event, form) : undefined;
    event.preventDefault();
    return void expire().then((over) => over || form.requestSubmit());
  }
  const handsOver = url.pathname.endsWith("/done");
  const goesBack = handsOver || (event.submitter as HTMLButtonElement | null)?.value === "back";
  // The browser itself must follow a redirect to the app or to the EHR.
  if (url.origin !== location.origin || (goesBack && !isFramed)) return;
  event.preventDefault();
  if (form.ariaBusy === "true") return;
  if (isOver()) return void expire().then((over) => over || form.requestSubmit(event.submitter));
  if (handsOver) return finishByButton(form);
  if (isFramed && closesLink(event.submitter)) return;
  if (form.method === "get") void go(url.href, undefined, true);
  else void go(url.href, { method: "POST", body: fields(form, event.submitter) });
});

document.addEventListener("click", (event) => {
  const link = (event.target as Element).closest("a");
  if (!link || link.target || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (isFramed && closesLink(link)) return event.preventDefault();
  if (link.origin !== location.origin || !path || !link.pathname.startsWith(path)) return;
  event.preventDefault();
  // "Try again" links to the page it is on. In a frame, that address leads to the empty first page, so go to the pane itself.
  const samePage = link.pathname === location.pathname && link.search === location.search;
  void go(samePage ? path : link.href, undefined, true);
});

addEventListener("popstate", () => void go(location.href));
// Timers stop in a machine that sleeps, and in a page that the browser keeps for the Back button.
for (const type of ["visibilitychange", "pageshow", "focus"]) addEventListener(type, () => isOver() && void expire(), true);

function start(): void {
  // The server sends a framed page inert: without this script no request would have the secret.
  const sheet = document.querySelector<HTMLElement>(".sheet");
  if (sheet) sheet.inert = false;
  document.querySelector("iframe")?.remove(); // it told the SDK that this script had not run yet
  connect(() => (hasTyped() ? void go(`${path}/exit`, undefined, true) : undefined), focusFirst);
  enhance(search, () => void go(path));
  scheduleTimes();
  if (document.querySelector("main[data-page=returned]")) close(); // the page that opened this window goes on by itself
  if (isFramed && document.querySelector("main[data-page=shell]")) void go(path);
  else if (document.querySelector(".steps.live") === null && path) void afterShow();
}

// The script is loaded `async`, so that it does not wait for the style sheet: on a slow line that saves a round trip.
if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
else start();
