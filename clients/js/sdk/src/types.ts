/** What happened in a session. Names may be added: treat an unknown one as information. */
export type EventName =
  | "opened"
  | "pane"
  | "answered"
  | "again"
  | "refused"
  | "requested"
  | "granted"
  | "handed_over"
  | "exchanged"
  | "left"
  | "expired"
  | (string & {});

/** Where the session stands. `status` is the last pane shown, or the last event's name. */
export interface Metadata {
  link_session_id?: string;
  status?: string;
}

/** `seq` counts from 1 in a session, without gaps; `code` is a refusal's. */
export interface EventMetadata extends Metadata {
  seq: number;
  pane?: string;
  code?: string;
  at?: string;
}

/** Why Link closed without a result. Codes may be added. */
export interface ExitError {
  code: "origin_not_registered" | "no_token" | "token_not_fetched" | (string & {});
  message: string;
}

export interface Config {
  /** From POST /link/token/create. May be left out when `fetchToken` is given. */
  token?: string;
  /** Called once, when the account is linked. Send the token to your server and exchange it there. */
  onSuccess: (publicToken: string) => void;
  /** Called once, when the user left (null) or Link could not go on. Not called after `onSuccess`. */
  onExit?: (error: ExitError | null, metadata: Metadata) => void;
  /** Live and in order. */
  onEvent?: (name: EventName, metadata: EventMetadata) => void;
  /** Link's page has loaded. */
  onLoad?: () => void;
  /** A fresh token for one that expired before the user came to it. */
  fetchToken?: () => Promise<string>;
}

export interface Handle {
  /** Closes Link and calls `onExit(null, …)` if it was open without a result. */
  close: () => void;
}
