// Tells two minutes ahead that the page will close, and keeps it open without losing what was typed (WCAG 2.2, 2.2.1).

import { say } from "./pane";

type Request = (url: string, sent?: { method: string; body: URLSearchParams }) => Promise<Response>;

let timer = 0;

/** Shows the page's hidden notice when its time comes; a notice that is there already keeps its place. */
export function closing(request: Request): void {
  clearTimeout(timer);
  staying(document.querySelector("main > .note form[data-stays]"), request);
  const hidden = document.querySelector<HTMLTemplateElement>("template#closing");
  if (!hidden) return;
  timer = setTimeout(() => {
    document.querySelector("main .head")?.after(hidden.content.cloneNode(true));
    staying(document.querySelector("#soon form"), request);
  }, Number(hidden.dataset.in) * 1000);
}

function staying(form: HTMLFormElement | null, request: Request): void {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation(); // the page stays as it is
    const fields = [...new FormData(form)].map(([name, value]) => [name, String(value)]);
    const response = await request(form.action, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
    if (!response?.ok) return;
    say(form.dataset.stays!);
    form.closest(".note")!.remove();
    document.querySelector<HTMLElement>("main :is(input:not([type=hidden]), button, a)")?.focus();
  });
}
