// React glue: `useCobaltLink({ src, token, onSuccess })` gives `{ init, isReady, loading, error, close }`.

import { useCallback, useEffect, useRef, useState } from "react";
import { load } from "./index.js";
import type { Config, Handle } from "./types.js";

export interface UseCobaltLink {
  /** Opens Link; does nothing until `isReady`. May be an `onClick`, or take a token that was made just now. */
  init: (more?: Partial<Config> | { nativeEvent: unknown }) => void;
  isReady: boolean;
  loading: boolean;
  error: Event | null;
  close: () => void;
}

/** `src` is where your server serves init.js. Link closes when the component goes away. */
export function useCobaltLink(config: Config & { src: string }): UseCobaltLink {
  const [isReady, setReady] = useState(false);
  const [error, setError] = useState<Event | null>(null);
  const latest = useRef(config);
  const handle = useRef<Handle | null>(null);
  const closing = useRef<ReturnType<typeof setTimeout>>(undefined);
  latest.current = config;
  const close = useCallback(() => handle.current?.close(), []);

  useEffect(() => {
    let gone = false;
    clearTimeout(closing.current);
    load(config.src).then(
      () => gone || setReady(true),
      (event: Event) => gone || setError(event),
    );
    return () => {
      gone = true;
      // StrictMode and hot reloading run the effect again at once: only who stays away has left.
      closing.current = setTimeout(close);
    };
  }, [config.src, close]);

  const init = useCallback((more?: Partial<Config> | { nativeEvent: unknown }) => {
    // Callbacks are read when they are called, so a new closure on each render costs nothing.
    const of = (): Config => ({ ...latest.current, ...(more && !("nativeEvent" in more) && more) });
    handle.current =
      window.CobaltLink?.init({
        token: of().token,
        onSuccess: (token) => of().onSuccess(token),
        onExit: (...args) => of().onExit?.(...args),
        onEvent: (...args) => of().onEvent?.(...args),
        onLoad: () => of().onLoad?.(),
        fetchToken: of().fetchToken && (() => of().fetchToken!()),
      }) ?? null;
  }, []);
  return { init, isReady, loading: !isReady && !error, error, close };
}
