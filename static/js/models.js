// The page Models: how far downloads and loads are, without disturbing what has the focus. A part that has changed in
// more than that is read anew.
"use strict";

const ACTIVE_MS = 1000;
const QUIET_MS = 5000;
const part = () => document.getElementById("models-here");

async function look() {
  let wait = QUIET_MS;
  if (!document.hidden && part()) {
    try {
      const answer = await fetch(part().dataset.live, { headers: { Accept: "application/json" } });
      if (answer.ok && !answer.redirected) wait = show(await answer.json()) ? ACTIVE_MS : QUIET_MS;
    } catch {
      // the server is away; it is asked again
    }
  }
  timer = setTimeout(look, wait);
}

function show(live) {
  for (const download of live.downloads) {
    const row = part().querySelector(`[data-download="${download.id}"]`);
    if (!row) continue;
    row.querySelector("[data-text]").textContent = download.text;
    const bar = row.querySelector("progress");
    if (bar) bar.value = download.percent;
  }
  for (const model of live.models) {
    const text = part().querySelector(`[data-model="${model.key}"] [data-text]`);
    if (text && text.textContent !== model.text) text.textContent = model.text;
  }
  if (live.signature !== part().dataset.signature) readAnew();
  return live.active;
}

const isInHand = (old) => old.querySelector("details[open]") || old.querySelector(".htmx-request"); // somebody is at it

async function readAnew() {
  const old = part();
  if (isInHand(old)) return;
  const answer = await fetch(old.dataset.here);
  if (!answer.ok || answer.redirected) return;
  const said = document.createElement("template");
  said.innerHTML = await answer.text();
  if (part() !== old || isInHand(old)) return; // since it was asked for
  const fresh = said.content.querySelector("#models-here");
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const ended = [...fresh.querySelectorAll("[data-download]")].filter((row) =>
    !row.querySelector("progress") && old.querySelector(`[data-download="${row.dataset.download}"] progress`));
  old.replaceWith(fresh);
  htmx.process(fresh);
  if (focused) document.getElementById(focused)?.focus();
  for (const row of ended) announce(`${row.querySelector("h3").textContent} is here.`);
}

let timer = setTimeout(look, ACTIVE_MS);
function soon() {
  clearTimeout(timer);
  timer = setTimeout(look, 300);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "models-here") soon(); });
