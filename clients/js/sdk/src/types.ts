/** What happened in a link session. Later versions may add names: ignore one that you do not know. */
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

/** The state of the link session. `status` is the pane that was shown last, or the name of the last event. */
export interface Metadata {
  link_session_id?: string;
  status?: string;
}

/** `seq` counts from 1 in each link session, without gaps. `code` says why the EHR refused. `at` is an ISO 8601 time. */
export interface EventMetadata extends Metadata {
  seq: number;
  pane?: string;
  code?: string;
  at?: string;
}

/** Why Link closed without a result. Later versions may add codes. */
export interface ExitError {
  code:
    | "origin_not_registered"
    | "link_unknown"
    | "forms_blocked"
    | "script_blocked"
    | "not_shown"
    | "no_token"
    | "token_not_fetched"
    | "link_expired"
    | (string & {});
  message: string;
}

export interface Config {
  /** From POST /link/token/create. Optional if you pass `fetchToken`. */
  token?: string;
  /** Called once, as soon as the account is linked. Send the public token to your server and exchange it there. */
  onSuccess: (publicToken: string) => void;
  /** Called once if Link closes without a result. `error` is null if the user left. Never called after `onSuccess`. */
  onExit?: (error: ExitError | null, metadata: Metadata) => void;
  /** Called for each event as it happens, in order. */
  onEvent?: (name: EventName, metadata: EventMetadata) => void;
  /** Called once, when Link's page has loaded. */
  onLoad?: () => void;
  /** Returns a fresh link token. Called if there is no token, or once if it expired or another browser is using it. */
  fetchToken?: () => Promise<string>;
}

export interface Handle {
  /** Closes Link. Calls `onExit(null, …)` if there was no result yet. */
  close: () => void;
}
