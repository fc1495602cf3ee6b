// Model Pool: what is loaded is asked for again and again, while somebody can see it and is not just pressing a button.
"use strict";

const isLook = (event) => event.target.id === "pool-now" && event.detail.requestConfig?.verb === "get";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isLook(event) && (document.hidden || event.target.querySelector(":active, .htmx-request"))) event.preventDefault();
});

// Before page.js hears of it: a look is no answer to anything that was done, and closes and announces nothing.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!isLook(event)) return;
  event.stopImmediatePropagation();
  localTimes(event.target);
}, true);

for (const failed of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(failed, (event) => {
    if (!isLook(event)) return;
    event.stopImmediatePropagation();
    event.target.querySelector("[data-stale]").hidden = false;
  }, true);
}
