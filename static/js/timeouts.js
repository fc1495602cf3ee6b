// Request Timeouts: ranges and numbers mirror each other, the value in words, unsaved changes.
"use strict";

// The same words as settings_app/durations.py; a test compares them.
function secondsText(seconds) {
  if (!Number.isInteger(seconds)) return `${fraction(seconds)} s`;
  if (seconds < 120 && seconds !== 60) return `${seconds} s`;
  let rest = seconds;
  const parts = [];
  for (const [unit, size] of [["h", 3600], ["min", 60], ["s", 1]]) {
    const count = Math.floor(rest / size);
    rest %= size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.join(" ");
}

function fraction(seconds) {
  if (Math.abs(seconds) >= 1e-4) return String(seconds);
  return seconds.toExponential().replace(/e-(\d)$/, "e-0$1"); // as Python writes small numbers
}

const rows = () => document.querySelectorAll("#timeouts [data-timeout]");
const numberIn = (row) => row.querySelector("input[type=number]");
const rangeIn = (row) => row.querySelector("[data-range]");
const applies = () => document.querySelector("#timeouts-form [name=apply_to_running]")?.checked;
const initialIn = (row) => row.querySelector("input[name^=initial-]");
let leaving = false;

function show(row) {
  const number = numberIn(row);
  const range = rangeIn(row);
  const seconds = number.value === "" ? NaN : Number(number.value);
  const words = Number.isFinite(seconds) ? secondsText(seconds) : "–";
  row.querySelector("[data-words]").textContent = words;
  if (Number.isFinite(seconds)) range.value = seconds;
  range.setAttribute("aria-valuetext", words);
  const part = (range.value - range.min) / (range.max - range.min);
  range.style.setProperty("--slider-value", `${part * 100}%`);
  const note = row.querySelector("[data-over]");
  note.hidden = !(seconds > Number(note.dataset.over));
}

function isChanged() {
  return [...rows()].some((row) =>
    numberIn(row).value === "" || Number(numberIn(row).value) !== Number(initialIn(row).value));
}

function refresh() {
  const form = document.getElementById("timeouts-form");
  if (!form) return;
  const changed = isChanged();
  // The box alone is enough: running requests get what is stored.
  const idle = !changed && !applies() && !("alwaysSavable" in form.dataset);
  for (const button of [document.getElementById("timeouts-save"), form.querySelector("[data-saves]")]) button.disabled = idle;
  const unsaved = document.getElementById("timeouts-unsaved");
  const text = changed ? "Unsaved changes" : "";
  if (unsaved.textContent !== text) unsaved.textContent = text;
}

function start() {
  for (const row of rows()) show(row);
  refresh();
}

document.addEventListener("input", (event) => {
  const row = event.target.closest("[data-timeout]");
  if (event.target.name === "apply_to_running") refresh();
  if (!row) return;
  if (event.target === rangeIn(row)) numberIn(row).value = event.target.value;
  else if (event.target !== numberIn(row)) return;
  show(row);
  refresh();
});

addEventListener("beforeunload", (event) => {
  if (!leaving && rows().length && isChanged()) event.preventDefault();
});
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented && event.target.closest("#timeouts")) leaving = true; // htmx did not take it
});
document.addEventListener("htmx:beforeRequest", (event) => {
  const target = event.detail.target;
  if (target !== document.body || !rows().length || !isChanged()) return;
  if (!confirm("Leave without saving? Your changes are lost.")) event.preventDefault();
});
document.addEventListener("htmx:afterSettle", start);
start();
