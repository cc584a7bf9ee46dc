// What a framed page says to the page around it, and hears from it: exact origin, exact window, nothing else counts.

type Request = (url: string, sent?: { method: string; body: URLSearchParams }, accept?: string) => Promise<Response>;
type Event = { seq: number; name: string; pane: string | null; code: string | null; at: string };

// The server names the origin around the frame only after it has found it among the client's registered ones.
export const around = document.documentElement.dataset.parent;
export const isFramed = around !== undefined && parent !== window;

// Where a fresh token helps: this one waited too long, or was begun in a page that is no more (a reload without cookies).
const RENEWABLE = ["link_expired", "other_browser"];

let seen = 0;
let notes = Promise.resolve();
let handed = false;
let waiting = false;
let typed = false;

const shown = (): string | undefined => document.querySelector<HTMLElement>("main")?.dataset.page;

function tell(message: object): void {
  if (isFramed) parent.postMessage({ cobalt: 1, ...message }, around!);
}

/** Says hello, and listens for the SDK: `leave` is asked by Escape, `focus` once the frame has the focus. */
export function greet(ask: () => void, focus: () => void): void {
  if (!isFramed) return;
  addEventListener("input", () => (typed = true));
  addEventListener("message", (event) => {
    if (event.origin !== around || event.source !== parent || event.data?.cobalt !== 1) return;
    if (event.data.type === "leave") leave(ask);
    if (event.data.type === "focus") focus();
  });
  // Escape pressed in a frame does not reach the dialog around it.
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) leave(ask);
  });
  tell({ type: "hello", session: location.pathname.split("/")[2], expired: RENEWABLE.includes(shown()!) });
}

function leave(ask: () => void): void {
  const over = !document.querySelector("form[data-pane]") || document.querySelector("[data-pane=leaving], .offline");
  if (document.querySelector("[data-pane=done]")) finish();
  else if (over || !typed) close();
  else ask();
}

/** The end: the app gets the token first. Who insists leaves without; the app's server can still ask for it. */
function finish(): void {
  if (handed || waiting) close();
  waiting = true;
}

function close(): void {
  const refused = document.querySelector('main [href="#close"]') && { code: shown(), message: document.querySelector("h1")!.textContent };
  tell({ type: "close", ...refused });
}

/** The button of the end. Pressed before the app has its token, it closes as soon as the app has it. */
export function finishes(form: HTMLFormElement): void {
  if (handed) return close();
  waiting = true;
  form.ariaBusy = "true";
}

/** Whether something would be lost by closing now. */
export const typedSomething = (): boolean => typed;

/** Takes over what means "close": the × while nothing is typed, a closed page's way out. */
export function closes(by: HTMLElement | null): boolean {
  const out = by?.matches("a.x") && !typed;
  if (!out && by?.getAttribute("href") !== "#close") return false;
  close();
  return true;
}

/** Passes on the session's new events, each once and in order; resolves when those of now are told. */
export function note(request: Request, path: string): Promise<void> {
  if (isFramed && path) notes = notes.then(() => fresh(request, path));
  return notes;
}

async function fresh(request: Request, path: string): Promise<void> {
  try {
    const response = await request(`${path}/events?after=${seen}`, undefined, "application/json");
    for (const event of response.ok ? ((await response.json()) as Event[]) : []) {
      if (event.seq <= seen) continue;
      seen = event.seq;
      tell({ type: "event", ...event });
    }
  } catch {
    // The next page asks again from the same number.
  }
  if (shown() === "left") close();
}

/** Hands the public token over as soon as the end shows, as often as the network needs; the SDK takes the first.
 * False if the server no longer shows this end. */
export async function handOver(request: Request, path: string, offline: (is: boolean) => void): Promise<boolean> {
  const form = document.querySelector<HTMLFormElement>("[data-pane=done]")!;
  const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
  for (let wait = 250; !handed; wait = Math.min(wait * 2, 4000)) {
    const response = await request(`${path}/done`, { method: "POST", body }, "application/json").catch(() => undefined);
    if (response && response.status < 500 && response.status !== 429) {
      const found = response.ok ? ((await response.json().catch(() => null)) as { public_token: string | null } | null) : null;
      if (!found) return false;
      handed = true;
      offline(false);
      if (found.public_token) tell({ type: "success", public_token: found.public_token });
      await note(request, path);
      if (waiting) close();
    } else {
      offline(true);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return true;
}
