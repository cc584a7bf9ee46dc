// React glue: `useCobaltLink({ src, token, onSuccess })` gives `{ init, isReady, loading, error, close }`.

import { useCallback, useEffect, useRef, useState } from "react";
import { load } from "./index";
import type { Config, Handle } from "./types";

export interface UseCobaltLink {
  /** Opens Link; does nothing until `isReady`. Also takes a token that was made just now. */
  init: (more?: Partial<Config>) => void;
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
  latest.current = config;

  useEffect(() => {
    let gone = false;
    load(config.src).then(
      () => gone || setReady(true),
      (event: Event) => gone || setError(event),
    );
    return () => {
      gone = true;
      handle.current?.close();
      handle.current = null;
    };
  }, [config.src]);

  const init = useCallback((more?: Partial<Config>) => {
    // Callbacks are read when they are called, so a new closure on each render costs nothing.
    const of = (): Config => ({ ...latest.current, ...more });
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
  const close = useCallback(() => handle.current?.close(), []);
  return { init, isReady, loading: !isReady && !error, error, close };
}
