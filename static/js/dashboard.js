// Dashboard: its parts are asked for again and again while somebody can see them. What was opened stays open.
"use strict";

const isLook = (event) => event.target instanceof Element && event.target.matches("[data-look]");
const stale = document.getElementById("dashboard-stale");
const opened = new Map(); // by part

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isLook(event) && (document.hidden || event.target.querySelector(":active"))) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  if (isLook(event)) opened.set(event.target.id, [...event.target.querySelectorAll("details[open]")].map((details) => details.id));
});

// Before page.js hears of it: a look is no answer to anything that was done, and closes and announces nothing.
document.addEventListener("htmx:afterSettle", (event) => {
  if (!isLook(event)) return;
  event.stopImmediatePropagation();
  for (const id of opened.get(event.target.id) ?? []) document.getElementById(id).open = true;
  stale.hidden = true;
}, true);

for (const failed of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(failed, (event) => {
    if (!isLook(event)) return;
    event.stopImmediatePropagation();
    stale.hidden = false;
  }, true);
}
