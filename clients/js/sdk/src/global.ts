// The entry of /init.js: defines `window.CobaltLink` once, however often the script is on the page.

import { init } from "./init";

const place = window as unknown as { CobaltLink?: { init: typeof init } };
place.CobaltLink ??= { init };
