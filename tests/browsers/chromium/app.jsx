// A React app under StrictMode. `?as=` in its address says how it opens Link: with `hook` at a click, with `auto` as soon as the
// script is ready, with `eager` at once, and with `contract` at a click but without the hook.

import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useCobaltLink } from "@cobalt-link/link/react";

const query = new URLSearchParams(location.search);
const src = `${query.get("link")}/init.js`;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const log = (window.log = []);
const callbacks = (n) => ({
  onSuccess: (publicToken) => log.push(["success", publicToken, n]),
  onExit: (error, metadata) => log.push(["exit", error && error.code, metadata, n]),
  onEvent: (name, metadata) => log.push(["event", name, metadata]),
  onLoad: () => log.push(["load"]),
});

function Hooked({ when }) {
  const [renders, again] = useState(0);
  const link = useCobaltLink({ src, token, ...callbacks(renders) });
  window.link = link;
  window.again = () => again((n) => n + 1);
  useEffect(() => {
    if (when === "eager" || (when === "auto" && link.isReady)) link.init();
  }, [when, link.isReady, link.init]);
  const label = link.error ? "error" : link.loading ? "loading" : "Link account";
  return <button id="go" onClick={link.init} disabled={!link.isReady}>{label}</button>;
}

// The pattern in the contract: one script element, found by its src, and the `init` of the global.
function Contract() {
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    let script = document.querySelector(`script[src="${src}"]`);
    if (!script) {
      script = Object.assign(document.createElement("script"), { src });
      document.body.appendChild(script);
    }
    const ready = () => setReady(Boolean(window.CobaltLink));
    script.addEventListener("load", ready);
    ready();
    return () => script.removeEventListener("load", ready);
  }, []);
  const init = () => window.CobaltLink && window.CobaltLink.init({ token, ...callbacks(0) });
  return <button id="go" onClick={init} disabled={!isReady}>Link account</button>;
}

function App() {
  const [shown, show] = useState(true);
  window.show = show;
  if (query.get("as") === "contract") return <><Contract /><Contract /></>;
  return shown && <Hooked when={query.get("as")} />;
}

createRoot(document.getElementById("root")).render(<StrictMode><App /></StrictMode>);
