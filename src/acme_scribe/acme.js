// Acme Scribe opens Link over its own page. Without this script the link beside the button opens Link in a window.

async function post(path, fields) {
  const response = await fetch(path, { method: "POST", body: new URLSearchParams(fields) });
  const found = await response.json();
  if (!response.ok) throw new Error(found.message);
  return found;
}

async function fetch_token() {
  return (await post("/token")).token;
}

// The server swaps the public token for the access token, which never comes here.
async function linked(public_token) {
  try {
    await post("/linked", { public_token });
    await show();
  } catch (problem) {
    say(problem);
  }
}

async function show() {
  const page = new DOMParser().parseFromString(await (await fetch("/")).text(), "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
  offer();
}

function say(problem) {
  const said = document.querySelector("#said");
  if (said) said.textContent = problem.message;
}

async function launch_cobalt() {
  try {
    const token = await fetch_token();
    window.CobaltLink.init({ token, fetchToken: fetch_token, onSuccess: linked, onExit: (problem) => problem && say(problem) });
  } catch (problem) {
    say(problem);
  }
}

function offer() {
  const button = document.querySelector("#connect");
  if (!button || !window.CobaltLink) return;
  button.hidden = false;
  button.onclick = launch_cobalt;
  document.querySelector("a[target]").className = "beside";
}

offer();
