// What every page needs beyond HTML: the narrow menu, the modal, copying, announcements, failures of htmx.
"use strict";

const modal = document.getElementById("modal");
const announcer = document.getElementById("announcer");
const failure = document.getElementById("failure");
let silence;

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggles]");
  if (toggle) toggleMenu(toggle);
  if (event.target.closest("[data-closes-modal]") && modal.open) {
    event.preventDefault();
    modal.close();
  }
  const copier = event.target.closest("[data-copies]");
  if (copier) copy(copier);
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details[data-closes][open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const toggle = document.querySelector("[data-toggles][aria-expanded=true]");
  if (toggle) { toggleMenu(toggle); toggle.focus(); }
});

function toggleMenu(toggle) {
  const open = toggle.getAttribute("aria-expanded") !== "true";
  toggle.setAttribute("aria-expanded", String(open));
  document.getElementById(toggle.dataset.toggles).classList.toggle("open", open);
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  source.select();
  try {
    await navigator.clipboard.writeText(source.value);
  } catch {
    document.execCommand("copy"); // the clipboard API needs https or localhost
  }
  button.querySelector("[data-copy-text]").textContent = "Copied";
  button.querySelector("[data-copy-icon]").hidden = true;
  button.querySelector("[data-copied-icon]").hidden = false;
  announce("Copied");
}

function announce(text) {
  announcer.textContent = "";
  setTimeout(() => { announcer.textContent = text; }, 50); // a live region speaks when it changes
  clearTimeout(silence);
  silence = setTimeout(() => { announcer.textContent = ""; }, 4000); // nobody should come upon it a second time
}

function localTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time[data-local]")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

document.addEventListener("htmx:afterSettle", (event) => {
  const part = event.target;
  localTimes(part);
  if (part === modal) {
    modal.showModal();
    return;
  }
  if (modal.open) modal.close();
  failure.hidden = true;
  const news = part.querySelector("[data-announce]");
  const focused = document.activeElement; // body, if what had the focus went with the old section
  const lost = focused === document.body || modal.contains(focused);
  const goal = part.querySelector("[aria-invalid=true]") ?? part.querySelector("[data-focus]") ?? (lost ? news : null);
  goal?.focus(); // which is read aloud; what stands elsewhere is announced
  const text = news && (news.dataset.announce || (goal !== news && news.textContent.trim().replace(/\s+/g, " ")));
  if (text) announce(text);
});

// A session that ended answers with the sign-in page: go there, not into the section.
document.addEventListener("htmx:beforeSwap", (event) => {
  const login = document.body.dataset.loginUrl;
  if (!event.detail.xhr.responseURL || new URL(event.detail.xhr.responseURL).pathname !== login) return;
  event.detail.shouldSwap = false;
  location.assign(`${login}?next=${encodeURIComponent(location.pathname)}`);
});

document.addEventListener("htmx:sendError", () => fail("The server did not answer. Nothing was changed; try again."));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  fail({
    403: "Refused: this form has expired, or your account may not do this. Reload the page.",
    503: "The server is too busy, or stopping. Nothing was changed; try again.",
  }[status] ?? `The server answered with error ${status}. Its log says more.`);
});

function fail(text) {
  if (modal.open) modal.close();
  failure.textContent = text;
  failure.hidden = false;
}

localTimes(document);
