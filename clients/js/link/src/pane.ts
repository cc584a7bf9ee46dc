// Small improvements of a pane: show the password, search while typing, a running countdown, announcements to screen readers.

const status = document.createElement("p");
status.className = "vh";
status.setAttribute("role", "status");
let countdownTimer = 0;
let slowTimer = 0;

/** Announces a text to screen readers, even if it is the same text as before. */
export function announce(text: string): void {
  if (!status.isConnected) document.querySelector(".sheet")?.append(status);
  // Screen readers only read a change, and a change in the same turn as the append is often missed.
  status.textContent = "";
  setTimeout(() => (status.textContent = text.trim()), 50);
}

/** Adds the behavior of the pane that is shown now. Call it for each new pane. */
export function enhance(search: (form: HTMLFormElement) => void): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button.side[aria-controls]")) {
    const field = document.getElementById(button.getAttribute("aria-controls")!) as HTMLInputElement;
    button.hidden = false; // the server hides it, because it does nothing without a script
    button.onclick = () => {
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    };
  }
  const searchForm = document.querySelector<HTMLFormElement>("form[role=search]");
  if (searchForm) searchWhileTyping(searchForm, search);
  clearTimeout(slowTimer);
  const slow = document.querySelector<HTMLTemplateElement>("template#slow");
  if (slow) slowTimer = setTimeout(() => showSlowNotice(slow), Number(slow.dataset.in) * 1000);
  clearInterval(countdownTimer);
  const left = document.querySelector<HTMLTimeElement>("time[data-left]");
  if (left) countdownTimer = countDown(left);
}

/** Tells the user that the EHR is slow and that they need not do anything. */
function showSlowNotice(slow: HTMLTemplateElement): void {
  if (!slow.isConnected) return;
  announce(slow.content.textContent ?? "");
  slow.replaceWith(slow.content);
}

function searchWhileTyping(form: HTMLFormElement, search: (form: HTMLFormElement) => void): void {
  const box = form.querySelector("input")!;
  let pause = 0;
  box.oninput = () => {
    clearTimeout(pause);
    pause = setTimeout(() => search(form), 150);
  };
  form.parentElement!.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const stops = [box, ...form.parentElement!.querySelectorAll<HTMLElement>("button.row")];
    const next = stops[stops.indexOf(document.activeElement as HTMLElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
}

function countDown(left: HTMLTimeElement): number {
  // By the clock, not by counting ticks: browsers slow the timers of hidden tabs.
  const end = Date.now() + Number(left.dataset.left) * 1000;
  return setInterval(() => {
    const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    left.textContent = (left.dataset.words ?? "{time}").replace("{time}", text);
    if (seconds === 60 || seconds === 10) announce(left.textContent);
  }, 1000);
}
