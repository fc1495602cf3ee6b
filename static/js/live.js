// A live view: one connection brings what is new. Nothing is asked for while nobody looks; after that, or when it broke,
// it goes on from the last place that was told. inference/pages/live_view.py is the other end.
"use strict";

const LIVE_AGAIN_MS = 3000;

// `take`: by the name of an event, what becomes of its data. `broken(refused)`: it is tried again, until it is closed.
function liveView(address, take, { opened = () => {}, broken = () => {} } = {}) {
  const listening = new AbortController();
  let source = null;
  let place = "";
  let again;

  function open() {
    clearTimeout(again);
    if (source || document.hidden || listening.signal.aborted) return;
    const url = new URL(address, location.href);
    if (place) url.searchParams.set("after", place);
    source = new EventSource(url);
    source.addEventListener("open", opened);
    source.addEventListener("error", () => {
      const refused = source.readyState === EventSource.CLOSED;
      leave();
      again = setTimeout(open, LIVE_AGAIN_MS);
      broken(refused);
    });
    for (const [name, done] of Object.entries({ ...take, nothing: () => {}, again: () => { leave(); open(); } })) {
      source.addEventListener(name, (event) => { place = event.lastEventId || place; done(event.data); });
    }
  }

  function leave() {
    clearTimeout(again);
    source?.close();
    source = null;
  }

  function close() {
    listening.abort();
    leave();
  }

  const { signal } = listening;
  document.addEventListener("visibilitychange", () => { document.hidden ? leave() : open(); }, { signal });
  addEventListener("pagehide", leave, { signal });
  addEventListener("pageshow", open, { signal });
  open();
  return { close };
}
