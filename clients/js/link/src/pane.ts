// Small comforts of a pane: show the password, search as you type, a clock that runs, one voice for screen readers.

const voice = document.createElement("p");
voice.className = "vh";
voice.setAttribute("role", "status");
let clock = 0;
let patience = 0;

/** Speaks to screen readers; the same text twice is spoken twice. */
export function say(text: string): void {
  if (!voice.isConnected) document.querySelector(".sheet")?.append(voice);
  voice.textContent = "";
  setTimeout(() => (voice.textContent = text.trim()), 50);
}

/** Makes the parts of the shown pane work. */
export function improve(search: (form: HTMLFormElement) => void): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>("button.side[aria-controls]")) {
    const field = document.getElementById(button.getAttribute("aria-controls")!) as HTMLInputElement;
    button.hidden = false;
    button.onclick = () => {
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    };
  }
  const finder = document.querySelector<HTMLFormElement>("form[role=search]");
  if (finder) searching(finder, search);
  clearTimeout(patience);
  const slow = document.querySelector<HTMLTemplateElement>("template#slow");
  if (slow) patience = setTimeout(() => wait(slow), Number(slow.dataset.in) * 1000);
  clearInterval(clock);
  const left = document.querySelector<HTMLTimeElement>("time[data-left]");
  if (left) clock = tick(left);
}

/** Says that it takes long, and that nothing is expected of whoever waits. */
function wait(slow: HTMLTemplateElement): void {
  if (!slow.isConnected) return;
  say(slow.content.textContent ?? "");
  slow.replaceWith(slow.content);
}

function searching(form: HTMLFormElement, search: (form: HTMLFormElement) => void): void {
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

function tick(left: HTMLTimeElement): number {
  const end = Date.now() + Number(left.dataset.left) * 1000;
  return setInterval(() => {
    const seconds = Math.max(0, Math.round((end - Date.now()) / 1000));
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    left.textContent = (left.dataset.words ?? "{time}").replace("{time}", text);
    if (seconds === 60 || seconds === 10) say(left.textContent);
  }, 1000);
}
