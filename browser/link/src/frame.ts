// What a framed page says to the page around it, and hears from it: exact origin, exact window, nothing else counts.

type Request = (url: string, sent?: { method: string; body: URLSearchParams }, accept?: string) => Promise<Response>;
type Event = { seq: number; name: string; pane: string | null; code: string | null; at: string };

// The server names the origin around the frame only after it has found it among the client's registered ones.
const around = document.documentElement.dataset.parent;
export const isFramed = around !== undefined && parent !== window;

let seen = 0;
let noting = false;
let handed = false;
let typed = false;

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
  tell({ type: "hello", session: location.pathname.split("/")[2] });
  const code = document.querySelector<HTMLElement>("main")?.dataset.page;
  if (code === "link_expired") tell({ type: "expired" });
}

function leave(ask: () => void): void {
  const over = !document.querySelector("form[data-pane]") || document.querySelector("[data-pane=leaving], [data-pane=done]");
  if (over || !typed) tell({ type: "close" });
  else ask();
}

/** Whether something would be lost by closing now. */
export const typedSomething = (): boolean => typed;

/** Takes over what means "close": the × while nothing is typed, a closed page's way out, the end. */
export function closes(by: HTMLElement | null): boolean {
  const out = by?.matches("a.x") && !typed;
  if (!out && by?.getAttribute("href") !== "#close") return false;
  tell({ type: "close" });
  return true;
}

/** Passes on the session's new events, each once and in order. */
export async function note(request: Request, path: string): Promise<void> {
  if (!isFramed || !path || noting) return;
  noting = true;
  try {
    const response = await request(`${path}/events?after=${seen}`, undefined, "application/json");
    for (const event of response.ok ? ((await response.json()) as Event[]) : []) {
      if (event.seq <= seen) continue;
      seen = event.seq;
      tell({ type: "event", ...event });
    }
  } catch {
    // The next page asks again from the same number.
  } finally {
    noting = false;
  }
  const page = document.querySelector<HTMLElement>("main")?.dataset.page;
  if (page === "left") tell({ type: "close" });
}

/** Hands the public token over as soon as the end shows, as often as the network needs; the SDK takes the first. */
export async function handOver(request: Request, path: string): Promise<void> {
  const form = document.querySelector<HTMLFormElement>("[data-pane=done]")!;
  form.addEventListener("submit", () => tell({ type: "close" }));
  const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
  for (let wait = 250; !handed; wait = Math.min(wait * 2, 8000)) {
    try {
      const sent = { method: "POST", body: new URLSearchParams(fields) };
      const response = await request(`${path}/done`, sent, "application/json");
      const found = (await response.json()) as { public_token: string | null };
      handed = true;
      if (found.public_token) tell({ type: "success", public_token: found.public_token });
      await note(request, path);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
