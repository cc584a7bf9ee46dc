// Opens Link on top of our page. Without this script, the link next to the button opens Link in a window.

async function post(path, fields) {
  const response = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
  const found = await response.json();
  if (!response.ok) throw new Error(found.message);
  return found;
}

async function fetch_token() {
  return (await post("/token")).token;
}

// Our server exchanges the public token for the access token, which never reaches the browser.
async function linked(public_token) {
  try {
    await post("/linked", { public_token });
    await showPage();
    tabs.postMessage(title());
  } catch (problem) {
    showProblem(problem);
  }
}

async function showPage() {
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
  showButton();
}

// The account may be linked or disconnected in another tab. Then this tab shows it too.
const tabs = new BroadcastChannel("acme_scribe");
const title = () => document.querySelector("h1").textContent;
tabs.onmessage = (event) => event.data !== title() && showPage();

function showProblem(problem) {
  const message = document.querySelector("#message");
  if (message) message.textContent = problem.message;
}

async function launch_cobalt() {
  try {
    const token = await fetch_token();
    window.CobaltLink.init({ token, fetchToken: fetch_token, onSuccess: linked, onExit: (problem) => problem && showProblem(problem) });
  } catch (problem) {
    showProblem(problem);
  }
}

function showButton() {
  const button = document.querySelector("#connect");
  if (!button || !window.CobaltLink) return;
  button.hidden = false;
  button.onclick = launch_cobalt;
  document.querySelector("a[target]").className = "beside";
}

showButton();
tabs.postMessage(title());
