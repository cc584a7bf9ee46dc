// Warns two minutes before the page expires and offers more time without losing what the user typed (WCAG 2.2, 2.2.1). Notices
// when the time is over.

import { announce } from "./pane";

type Request = (url: string, sent?: { method: string; body: URLSearchParams }) => Promise<Response>;

let timer = 0;
let end = Infinity; // by the clock: timers stop while a machine sleeps
let endTimer = 0;

/** Whether the time of the link session is over. */
export const isOver = (): boolean => Date.now() >= end;

/** Schedules `expire` for the end of the link session, as the page says it. Call it for each new page. */
export function scheduleEnd(expire: () => void): void {
  clearTimeout(endTimer);
  const over = document.querySelector<HTMLTemplateElement>("template#expired");
  const left = over ? Number(over.dataset.in) * 1000 : Infinity;
  end = Date.now() + left;
  if (over) endTimer = setTimeout(expire, left);
}

/** Takes over how long another page of the same link session stays open: somebody extended it. */
export function takeTimes(page: Document): void {
  for (const id of ["closing", "expired"]) {
    const fresh = page.querySelector(`template#${id}`);
    if (fresh) document.querySelector(`template#${id}`)?.replaceWith(fresh);
  }
}

/** Schedules the notice that the server put into the page. Call it for each new page. `extended` follows when the user has
 * kept the page open. */
export function scheduleNotice(request: Request, extended: (page: string) => void): void {
  clearTimeout(timer);
  // In the last two minutes the server puts the notice into the page itself.
  extendInPlace(document.querySelector("main > .note form[data-stays]"), request, extended);
  const hidden = document.querySelector<HTMLTemplateElement>("template#closing");
  if (!hidden) return;
  timer = setTimeout(() => {
    document.querySelector("main .head")?.after(hidden.content.cloneNode(true));
    extendInPlace(document.querySelector("#soon form"), request, extended);
  }, Number(hidden.dataset.in) * 1000);
}

function extendInPlace(form: HTMLFormElement | null, request: Request, extended: (page: string) => void): void {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation(); // else main.ts would load a new page and drop what the user typed
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    const response = await request(form.action, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
    if (!response?.ok) return;
    announce(form.dataset.stays!);
    form.closest(".note")!.remove();
    extended(await response.text());
    // The button that had the focus is gone.
    document.querySelector<HTMLElement>("main :is(input:not([type=hidden]), button, a)")?.focus();
  });
}
