// Running now: live.js brings what has changed, and rows are patched where they stand, so that whoever is about to press
// a button keeps it. Between two updates the clocks run on here.
"use strict";

{
  const TICK_MS = 500;
  const section = document.getElementById("running");
  const find = (name, root = section) => root.querySelector(`[data-${name}]`);
  const calls = new Map(); // by id: its row, and what was said of it last
  let stale = false;

  function setStale(on) {
    stale = on;
    find("stale").hidden = !on;
  }

  function show(message) {
    for (const call of message.new) draw(call);
    for (const moved of message.now) move(...moved);
    const gone = message.whole
      ? [...section.querySelectorAll("tbody tr")].map((row) => row.dataset.call).filter((id) => !message.new.some((call) => call.id === id))
      : message.gone;
    for (const id of gone) remove(id);
    const more = message.count - calls.size;
    setText(find("count"), String(message.count));
    setText(find("more-count"), String(more));
    find("more").hidden = more <= 0;
    find("some").hidden = calls.size === 0;
    find("none").hidden = calls.size > 0;
  }

  function draw(call) {
    const row = rowOf(call.id) ?? newRow(call.id);
    setText(find("endpoint", row), call.endpoint);
    setText(find("model", row), call.model);
    const where = call.backend === "local" ? "on this machine" : call.backend;
    setText(find("place", row), call.served_model === call.model ? where : `${where}, as ${call.served_model}`);
    setText(find("key", row), call.api_key);
    find("key", row).hidden = !call.api_key;
    if (!calls.has(call.id)) calls.set(call.id, { row });
  }

  const rowOf = (id) => calls.get(id)?.row ?? section.querySelector(`tbody tr[data-call="${id}"]`);

  function newRow(id) {
    const row = section.querySelector("template").content.querySelector("tr").cloneNode(true);
    row.dataset.call = id;
    for (const place of row.querySelectorAll("[data-id]")) place.textContent = id;
    for (const button of row.querySelectorAll("button")) button.value = id;
    row.querySelector("progress").setAttribute("aria-label", `Time left of ${id}`);
    section.querySelector("tbody").append(row);
    return row;
  }

  function move(id, phase, tokens, elapsed, firstToken, deadline, from, cancelled) {
    const call = calls.get(id);
    Object.assign(call, { tokens, firstToken, deadline, from, began: performance.now() - elapsed * 1000 });
    setText(find("phase", call.row), cancelled ? "cancelled" : phase);
    call.row.toggleAttribute("data-cancelled", cancelled);
    tick(call);
  }

  function tick(call) {
    const elapsed = (performance.now() - call.began) / 1000;
    const left = Math.max(0, call.deadline - elapsed);
    const making = elapsed - call.firstToken;
    const rate = call.firstToken !== null && call.tokens > 1 && making > 0 ? `, ${((call.tokens - 1) / making).toFixed(1)}/s` : "";
    setText(find("tokens", call.row), `${call.tokens} token${call.tokens === 1 ? "" : "s"}${rate}`);
    setText(find("left", call.row), secondsText(Math.round(left)));
    setText(find("of", call.row), `${secondsText(Math.round(elapsed))} of ${secondsText(call.deadline)} (${call.from})`);
    const bar = call.row.querySelector("progress");
    bar.max = call.deadline;
    bar.value = left;
  }

  function remove(id) {
    const row = rowOf(id);
    calls.delete(id);
    if (!row) return;
    const focused = row.contains(document.activeElement);
    row.remove();
    if (focused) document.getElementById("running-title").focus(); // not the next row's button: a second press would hit it
  }

  function setText(place, text) {
    if (place.textContent !== text) place.textContent = text;
  }

  if (section) {
    setInterval(() => { if (!stale && !document.hidden) calls.forEach(tick); }, TICK_MS);
    liveView(section.dataset.live, { message: (data) => { setStale(false); show(JSON.parse(data)); } }, { broken: () => setStale(true) });
  }
}
