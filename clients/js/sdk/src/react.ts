// The React hook: `useCobaltLink({ src, token, onSuccess })` returns `{ init, isReady, loading, error, close }`.

import { useCallback, useEffect, useRef, useState } from "react";
import { load, loaded } from "./index.js";
import type { Config, Handle } from "./types.js";

export interface UseCobaltLink {
  /** Opens Link. Does nothing until `isReady`. Use it as an `onClick`, or pass options, such as a token that you just got. */
  init: (more?: Partial<Config> | { nativeEvent: unknown }) => void;
  isReady: boolean;
  loading: boolean;
  error: Error | null;
  close: () => void;
}

/** `src` is the address of init.js on your Cobalt Link server. Link closes when the component unmounts. */
export function useCobaltLink(config: Config & { src: string }): UseCobaltLink {
  const [isReady, setReady] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const latest = useRef(config);
  const handle = useRef<Handle | null>(null);
  const closing = useRef<ReturnType<typeof setTimeout>>(undefined);
  latest.current = config;
  const close = useCallback(() => handle.current?.close(), []);

  useEffect(() => {
    let unmounted = false;
    clearTimeout(closing.current);
    load(config.src).then(
      () => unmounted || setReady(true),
      (problem: Error) => unmounted || setError(problem),
    );
    return () => {
      unmounted = true;
      // StrictMode and hot reload run the effect again in the same turn and cancel this timer. A real unmount does not.
      closing.current = setTimeout(close);
    };
  }, [config.src, close]);

  const init = useCallback((more?: Partial<Config> | { nativeEvent: unknown }) => {
    // Options are read at the time of each call, so callbacks may change with each render. A click event is no options.
    const options = (): Config => ({ ...latest.current, ...(more && !("nativeEvent" in more) && more) });
    handle.current =
      loaded()?.init({
        token: options().token,
        onSuccess: (token) => options().onSuccess(token),
        onExit: (...args) => options().onExit?.(...args),
        onEvent: (...args) => options().onEvent?.(...args),
        onLoad: () => options().onLoad?.(),
        fetchToken: options().fetchToken && (() => options().fetchToken!()),
      }) ?? null;
  }, []);
  return { init, isReady, loading: !isReady && !error, error, close };
}
