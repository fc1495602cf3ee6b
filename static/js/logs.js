// Request Logs: while Live is on, one connection brings the requests that pass the filters, and they are put on top.
"use strict";

const MOST_LIVE_ROWS = 200;
let live = null;
let liveWanted = false; // stays when the filters change
let liveCame = 0; // since the last announcement
let liveSpeaks;

const liveButton = () => document.getElementById("logs-live");

function showLive(on, text) {
  const button = liveButton();
  if (!button) return;
  button.hidden = false;
  button.setAttribute("aria-pressed", String(on));
  document.getElementById("logs-live-state").textContent = text;
}

function stopLive() {
  live?.close();
  live = null;
}

function startLive() {
  stopLive();
  const button = liveButton();
  if (!button) return;
  showLive(true, "Connecting…");
  live = liveView(button.dataset.live, {
    rows: addRows,
    skipped: (count) => showLive(true, `${count} more came than are shown. Filter again to see them.`),
  }, {
    opened: () => showLive(true, "Requests appear as they end."),
    broken: (refused) => {
      if (refused) { // the session ended
        liveWanted = false;
        stopLive();
        showLive(false, "The server refused the live view. Reload the page.");
      } else {
        showLive(true, "The connection broke. It is tried again, and nothing is lost.");
      }
    },
  });
}

function addRows(html) {
  const body = document.getElementById("logs-rows");
  const came = document.createElement("template");
  came.innerHTML = html;
  let count = 0;
  for (const row of [...came.content.querySelectorAll("tr")].reverse()) {
    if (body.querySelector(`tr[data-row="${row.dataset.row}"]`)) continue;
    row.classList.add("logs-new");
    const older = [...body.children].find((other) => Number(other.dataset.at) <= Number(row.dataset.at));
    body.insertBefore(row, older ?? null);
    localTimes(row);
    htmx.process(row);
    count += 1;
  }
  forgetOldest(body);
  if (!count) return;
  document.getElementById("logs-table").hidden = false;
  document.getElementById("logs-nothing")?.remove();
  liveCame += count;
  liveSpeaks ??= setTimeout(() => { // politely: one sentence for all that came in a while
    announce(liveCame === 1 ? "One new request" : `${liveCame} new requests`);
    liveCame = 0;
    liveSpeaks = undefined;
  }, 3000);
}

// What is no longer shown is found by the link to older ones: it goes on behind the last row that is.
function forgetOldest(body) {
  if (body.children.length <= MOST_LIVE_ROWS) return;
  while (body.children.length > MOST_LIVE_ROWS) body.lastElementChild.remove();
  const { at, row } = body.lastElementChild.dataset;
  const older = document.getElementById("logs-older");
  const link = older.cloneNode(true); // htmx has read the address of the one that stands there
  for (const name of ["href", "hx-get"]) {
    link.setAttribute(name, link.getAttribute(name).replace(/cursor=[^#]*/, `cursor=${at.replace(".", "")}.${row}`));
  }
  link.hidden = false;
  const focused = document.activeElement === older;
  older.replaceWith(link);
  htmx.process(link);
  if (focused) link.focus();
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#logs-live")) return;
  liveWanted = !liveWanted;
  if (liveWanted) {
    startLive();
  } else {
    stopLive();
    showLive(false, "");
  }
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "logs" && document.activeElement === document.body) { // the link that was followed is gone
    document.getElementById("logs-title").focus();
  }
  const button = liveButton();
  if (button?.hidden) { // the section is a new one
    stopLive();
    if (liveWanted) startLive(); else showLive(false, "");
  } else if (!button) {
    stopLive();
    liveWanted = false; // an older page stands still
  }
});

showLive(false, "");
