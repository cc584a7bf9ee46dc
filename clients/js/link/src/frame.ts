// The messages between Link's page in a frame and the SDK around it. Only the exact origin and the exact window count.

type Request = (url: string, sent?: { method: string; body: URLSearchParams }, accept?: string) => Promise<Response>;
type SessionEvent = { seq: number; name: string; pane: string | null; code: string | null; at: string };

// The origin of the app's page. The server writes it only if the client registered it.
export const parentOrigin = document.documentElement.dataset.parent;
export const isFramed = parentOrigin !== undefined && parent !== window;

// Why the server refused this page to the page around it, for its developer. Empty on every other page.
const { refused, fix } = document.documentElement.dataset;

// Closed pages that a fresh token can replace: the token waited too long, or another page began its link session. A reload
// without cookies looks like another page too.
const RENEWABLE = ["link_expired", "other_browser"];

const FORMS_BLOCKED = "Link cannot send its forms: this page is in a frame whose sandbox lacks allow-forms.";

let lastSeq = 0;
let reporting = Promise.resolve();
let handedOver = false; // the app has the public token
let closeWhenHandedOver = false;
let typed = false;

const pageName = (): string | undefined => document.querySelector<HTMLElement>("main")?.dataset.page;

function send(message: object): void {
  if (isFramed) parent.postMessage({ cobalt: 1, ...message }, parentOrigin!);
}

/** Says hello to the SDK and listens to it. `confirmLeaving` asks the user before the page closes. `focus` moves the focus to
 * the first field: the SDK calls for it once the frame itself has the focus. */
export function connect(confirmLeaving: () => void, focus: () => void): void {
  if (!isFramed) return;
  addEventListener("input", () => (typed = true));
  addEventListener("message", (event) => {
    if (event.origin !== parentOrigin || event.source !== parent || event.data?.cobalt !== 1) return;
    if (event.data.type === "leave") leave(confirmLeaving);
    if (event.data.type === "focus") focus();
  });
  // A key that is pressed in a frame does not reach the dialog around it.
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) leave(confirmLeaving);
  });
  if (fix) return send({ type: "refused", code: pageName(), message: `${refused} ${fix}` });
  if (formsAreBlocked()) return send({ type: "refused", code: "forms_blocked", message: FORMS_BLOCKED });
  send({ type: "hello", session: location.pathname.split("/")[2], expired: RENEWABLE.includes(pageName()!) });
  if (refused) send({ type: "exit", code: pageName(), message: refused });
}

/** Whether a page around this one is in a frame whose sandbox forbids forms. There a form does not even report that it is sent. */
function formsAreBlocked(): boolean {
  const form = document.createElement("form");
  let blocked = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    event.stopPropagation();
    blocked = false;
  };
  document.body.append(form);
  form.requestSubmit();
  form.remove();
  return blocked;
}

function leave(confirm: () => void): void {
  const nothingOpen = !document.querySelector("form[data-pane]") || document.querySelector("[data-pane=leaving], .offline");
  if (document.querySelector("[data-pane=done]")) finish();
  else if (nothingOpen || !typed) close();
  else confirm();
}

/** Closes the page of the end once the app has its public token. A second call closes at once: the user insists, and the app's
 * server can still ask for the token. */
function finish(): void {
  if (handedOver || closeWhenHandedOver) close();
  closeWhenHandedOver = true;
}

function close(): void {
  send({ type: "close", ...(document.querySelector('main [href="#close"]') && problem()) });
}

function problem(): object {
  return { code: pageName(), message: document.querySelector("h1")!.textContent };
}

/** Handles the button "Back to the app". It waits until the app has its public token. */
export function finishByButton(form: HTMLFormElement): void {
  if (handedOver) return close();
  closeWhenHandedOver = true;
  form.ariaBusy = "true";
}

/** Whether the user would lose what they typed if Link closed now. */
export const hasTyped = (): boolean => typed;

/** Nothing of what the user typed is left on the page. */
export function forgetTyped(): void {
  typed = false;
}

/** Closes Link if this link or button means "close": the × while nothing is typed, or the way out of a closed page. Returns
 * whether it did. */
export function closesLink(control: HTMLElement | null): boolean {
  const cross = control?.matches("a.x") && !typed;
  if (!cross && control?.getAttribute("href") !== "#close") return false;
  close();
  return true;
}

/** Reports the new events of the link session to the SDK, each once and in order. Resolves when all are sent. */
export function reportEvents(request: Request, path: string): Promise<void> {
  // One call after the other: two at once could send an event twice or out of order.
  if (isFramed && path) reporting = reporting.then(() => sendNewEvents(request, path));
  return reporting;
}

async function sendNewEvents(request: Request, path: string): Promise<void> {
  try {
    const response = await request(`${path}/events?after=${lastSeq}`, undefined, "application/json");
    for (const event of response.ok ? ((await response.json()) as SessionEvent[]) : []) {
      if (event.seq <= lastSeq) continue;
      lastSeq = event.seq;
      send({ type: "event", ...event });
    }
  } catch {
    // The next page asks from the same number again, so nothing is lost.
  }
  if (pageName() === "left") close();
  // The app hears it at once. The page stays, so that its user reads why.
  if (pageName() === "link_expired") send({ type: "exit", ...problem() });
}

/** Hands the public token to the app as soon as the last pane shows. Repeats the request until the network lets it through: the
 * server makes a new token for each, and the SDK takes the first that arrives. Resolves to false if the server no longer shows
 * the last pane. */
export async function handOver(request: Request, path: string, showOffline: (offline: boolean) => void): Promise<boolean> {
  const form = document.querySelector<HTMLFormElement>("[data-pane=done]")!;
  const body = new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value)]));
  for (let wait = 250; !handedOver; wait = Math.min(wait * 2, 4000)) {
    const response = await request(`${path}/done`, { method: "POST", body }, "application/json").catch(() => undefined);
    if (response && response.status < 500 && response.status !== 429) {
      const result = response.ok ? ((await response.json().catch(() => null)) as { public_token: string | null } | null) : null;
      if (!result) return false;
      handedOver = true;
      showOffline(false);
      if (result.public_token) send({ type: "success", public_token: result.public_token });
      await reportEvents(request, path);
      if (closeWhenHandedOver) close();
    } else {
      showOffline(true);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return true;
}
