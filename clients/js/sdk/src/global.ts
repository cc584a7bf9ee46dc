// The entry of /init.js. Defines `window.CobaltLink`. The first script on a page wins, so an open lightbox stays known.

import { init } from "./init";

const page = window as unknown as { CobaltLink?: { init: unknown } };
// An element with the id "CobaltLink" or a frame with that name is no property of the window's own.
if (!Object.hasOwn(window, "CobaltLink") || !page.CobaltLink?.init) page.CobaltLink = { init };
