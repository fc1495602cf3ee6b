// Beside each timeout: how many requests of the last days the value that stands there would have cut.
"use strict";

// The same sums and words as settings_app/figures.py; a test compares them.
function wouldCut(steps, seconds) {
  const cut = {};
  for (const [phase, moves] of Object.entries(steps)) { // in the server's order
    const count = moves.reduce((sum, [at, more]) => sum + (at > seconds ? more : 0), 0);
    if (count > 0) cut[phase] = count;
  }
  return cut;
}

function cutText(steps, seconds) {
  const cut = wouldCut(steps, seconds);
  const requests = Object.values(cut).reduce((sum, count) => sum + count, 0);
  if (!requests) return `Set to ${secondsText(seconds)}, it would have cut none.`;
  const where = Object.entries(cut).map(([phase, count]) => `${count} in ${phase}`).join(", ");
  return `Set to ${secondsText(seconds)}, it would have cut ${requests}: ${where}.`;
}

function tell(row) {
  const said = row.querySelector("[data-cut]");
  const number = numberIn(row);
  const seconds = number.value === "" ? NaN : Number(number.value);
  const fits = seconds >= Number(number.min) && seconds <= Number(number.max);
  if (said) said.textContent = fits ? cutText(JSON.parse(row.querySelector("[data-figures]").dataset.figures), seconds) : "";
  const button = row.querySelector("[data-suggests]");
  if (button) button.disabled = Number(button.dataset.suggests) === seconds;
}

const tellAll = () => { for (const row of rows()) tell(row); };

document.addEventListener("input", (event) => {
  const row = event.target.closest("[data-timeout]");
  if (row) tell(row); // after timeouts.js, which mirrors the slider's value in the number
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-suggests]");
  if (!button) return;
  event.preventDefault();
  const number = numberIn(button.closest("[data-timeout]"));
  number.value = button.dataset.suggests;
  number.dispatchEvent(new Event("input", { bubbles: true }));
  number.focus();
});

document.addEventListener("htmx:afterSettle", tellAll);
tellAll();
