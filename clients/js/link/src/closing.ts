// Warns two minutes before the page expires and offers more time without losing what the user typed (WCAG 2.2, 2.2.1).

import { announce } from "./pane";

type Request = (url: string, sent?: { method: string; body: URLSearchParams }) => Promise<Response>;

let timer = 0;

/** Schedules the notice that the server put into the page. Call it for each new page. */
export function scheduleNotice(request: Request): void {
  clearTimeout(timer);
  // In the last two minutes the server puts the notice into the page itself.
  extendInPlace(document.querySelector("main > .note form[data-stays]"), request);
  const hidden = document.querySelector<HTMLTemplateElement>("template#closing");
  if (!hidden) return;
  timer = setTimeout(() => {
    document.querySelector("main .head")?.after(hidden.content.cloneNode(true));
    extendInPlace(document.querySelector("#soon form"), request);
  }, Number(hidden.dataset.in) * 1000);
}

function extendInPlace(form: HTMLFormElement | null, request: Request): void {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation(); // else main.ts would load a new page and drop what the user typed
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    const response = await request(form.action, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
    if (!response?.ok) return;
    announce(form.dataset.stays!);
    form.closest(".note")!.remove();
    // The button that had the focus is gone.
    document.querySelector<HTMLElement>("main :is(input:not([type=hidden]), button, a)")?.focus();
  });
}
