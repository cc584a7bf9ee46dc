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

/** Adds the behavior of the pane that is shown now. Call it for each new pane. `reload` asks the server for it again. */
export function enhance(search: (form: HTMLFormElement) => void, reload: () => void): void {
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
  const clocks = [...document.querySelectorAll<HTMLElement>("[data-left]")].map((each) => clock(each, reload));
  const tick = (): void => clocks.forEach((each) => each());
  if (clocks.length) countdownTimer = setInterval(tick, 1000);
  tick();
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

/** What to do each second with a time that is left, or with a button that can be used only after it. */
function clock(element: HTMLElement, reload: () => void): () => void {
  // By the clock, not by counting ticks: browsers slow the timers of hidden tabs.
  const end = Date.now() + Number(element.dataset.left) * 1000;
  const words = element.dataset.words ?? "{time}";
  const label = element.querySelector("span") ?? element;
  const plain = label.textContent!;
  let last = -1;
  // A notice is a live region: a screen reader would read each second aloud. It keeps the time of the beginning.
  if (element.closest("[role]")) {
    element.before(Object.assign(document.createElement("span"), { className: "vh", textContent: plain }));
    element.ariaHidden = "true";
  }
  return () => {
    const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (seconds === last) return;
    last = seconds;
    const isButton = element instanceof HTMLButtonElement;
    if (isButton) element.disabled = seconds > 0;
    label.textContent = isButton && !seconds ? plain : words.replace("{time}", format(seconds));
    if (!isButton && "words" in element.dataset && (seconds === 60 || seconds === 10)) announce(label.textContent);
    if (seconds || !element.isConnected || isButton) return;
    if (element.closest(".note")) element.closest(".note")!.remove();
    else if (element.closest("[data-page=message]")) reload();
  };
}

/** Such as "28 s", "1:38", or "1:05:00". */
function format(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}
