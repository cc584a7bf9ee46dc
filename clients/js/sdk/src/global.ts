// The entry of /init.js. Defines `window.CobaltLink`. The first script on a page wins, so an open lightbox stays known.

import { init } from "./init";

const page = window as unknown as { CobaltLink?: { init: typeof init } };
page.CobaltLink ??= { init };
