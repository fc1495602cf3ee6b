// Try it: asks /v1 as any client does, and shows the answer as it comes. Stop closes the connection, and the work ends.
"use strict";

const form = document.getElementById("chat-form");
if (form) start();

function start() {
  const log = document.getElementById("chat-log");
  const scroll = document.getElementById("chat-scroll");
  const message = document.getElementById("chat-message");
  const model = document.getElementById("chat-model");
  const send = document.getElementById("chat-send");
  const stop = document.getElementById("chat-stop");
  const failed = document.getElementById("chat-error");
  const figures = document.getElementById("chat-figures");
  const said = document.getElementById("chat-said");
  const history = JSON.parse(form.elements.history.value);
  let running = null;
  scroll.scrollTop = scroll.scrollHeight;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!running && message.value.trim()) answer(message.value.trim());
  });
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => running?.abort());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") running?.abort(); });
  addEventListener("pagehide", () => running?.abort());
  document.getElementById("chat-new").addEventListener("click", (event) => {
    event.preventDefault();
    running?.abort();
    history.length = 0;
    form.elements.history.value = "[]";
    log.replaceChildren();
    figures.textContent = "";
    failed.hidden = true;
    document.getElementById("chat-empty").hidden = false;
    message.focus();
  });

  async function answer(text) {
    running = new AbortController();
    const asked = [...history, { role: "user", content: text }];
    const mine = add("user", text);
    const bubble = add("assistant", "");
    message.value = "";
    failed.hidden = true;
    figures.textContent = "";
    turn(true);
    const outcome = { id: "", text: "", thought: "", stopped: false, error: "" };
    const began = performance.now();
    let shown = null;
    let thought = null;
    const show = () => {
      shown = null;
      const atEnd = scroll.scrollTop + scroll.clientHeight > scroll.scrollHeight - 60; // else somebody reads further up
      bubble.firstChild.appendData(outcome.text.slice(bubble.firstChild.length));
      if (outcome.thought) {
        thought ??= think(bubble);
        thought.appendData(outcome.thought.slice(thought.length));
      }
      if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    };
    try {
      await stream(asked, outcome, (kind, piece) => {
        if (!outcome.text && !outcome.thought) {
          figures.textContent = `First text after ${seconds(performance.now() - began)}`;
        }
        outcome[kind] += piece;
        shown ??= requestAnimationFrame(show); // a fast model has several pieces in a frame
      });
    } catch (error) {
      outcome.stopped = running.signal.aborted;
      if (!outcome.stopped) outcome.error = "The connection to the server broke. Try again.";
    }
    cancelAnimationFrame(shown);
    if (!bubble.isConnected) { // a new chat was begun meanwhile
      running = null;
      turn(false);
      return;
    }
    show();
    bubble.classList.remove("coming");
    if (outcome.text) {
      history.push(asked.at(-1), { role: "assistant", content: outcome.text });
    } else {
      if (!outcome.stopped && !outcome.error) outcome.error = form.dataset.noText;
      bubble.closest("li").remove();
      mine.closest("li").remove();
      if (!message.value) message.value = text;
    }
    document.getElementById("chat-empty").hidden = log.children.length > 0;
    form.elements.history.value = JSON.stringify(history);
    if (outcome.error) {
      failed.querySelector("[data-text]").textContent = outcome.error;
      failed.hidden = false;
    }
    running = null;
    turn(false);
    said.textContent = outcome.error ? "" : `${outcome.stopped ? "Stopped" : "Answer"}: ${outcome.text}`;
    if (outcome.id) figures.textContent = await measured(outcome) || figures.textContent;
  }

  async function stream(messages, outcome, piece) {
    const response = await fetch(form.dataset.endpoint, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ model: model.value, messages, stream: true }),
      signal: running.signal,
    });
    outcome.id = response.headers.get("x-request-id") ?? "";
    if (!response.ok) {
      const body = await response.json().catch(() => null);
      outcome.error = body?.error?.message ?? `The server answered with status ${response.status}.`;
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) take(event, outcome, piece);
    }
  }

  function take(event, outcome, piece) {
    if (!event.startsWith("data: ") || event === "data: [DONE]") return; // a sign of life, or the end
    const data = JSON.parse(event.slice(6));
    if (data.error) outcome.error = data.error.message;
    const delta = data.choices?.[0]?.delta;
    if (delta?.reasoning_content) piece("thought", delta.reasoning_content);
    if (delta?.content) piece("text", delta.content);
  }

  // As the server's log has it, which is written a moment after the end.
  async function measured(outcome) {
    for (let tries = 0; tries < 12; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      const answer = await fetch(form.dataset.figures.replace("ID", outcome.id)).catch(() => null);
      if (!answer?.ok) continue;
      const row = await answer.json();
      const parts = [];
      if (row.first_token_ms !== null) parts.push(`First token after ${seconds(row.first_token_ms)}`);
      parts.push(`${row.completion_tokens} token${row.completion_tokens === 1 ? "" : "s"}`);
      if (row.tokens_per_second) parts.push(`${row.tokens_per_second.toFixed(1)} tokens/s`);
      if (outcome.stopped) {
        const took = row.stop_latency_ms === null ? "" : ` within ${seconds(row.stop_latency_ms)}`;
        parts.push(row.status === "client_closed" ? `stopped; the work ended${took}` : "stopped");
      }
      return parts.join(" · ");
    }
    return "";
  }

  function add(role, text) {
    const item = document.createElement("li");
    item.dataset.role = role;
    const who = document.createElement("span");
    who.className = "sr-only";
    who.textContent = role === "user" ? "You: " : "Answer: ";
    const bubble = document.createElement("div");
    bubble.className = role === "user" ? "bubble" : "bubble coming";
    bubble.append(document.createTextNode(text));
    item.append(who, bubble);
    log.append(item);
    document.getElementById("chat-empty").hidden = true;
    scroll.scrollTop = scroll.scrollHeight;
    return bubble;
  }

  // What the model thinks before it answers, for whoever opens it.
  function think(bubble) {
    const box = document.createElement("details");
    box.className = "thought";
    const summary = document.createElement("summary");
    summary.textContent = "Thinking";
    const text = document.createTextNode("");
    const body = document.createElement("div");
    body.append(text);
    box.append(summary, body);
    bubble.before(box);
    return text;
  }

  function turn(busy) {
    const focused = document.activeElement;
    send.hidden = busy;
    stop.hidden = !busy;
    if (busy) said.textContent = "The model is answering.";
    if (focused === send || focused === stop || focused === document.body) (busy ? stop : message).focus();
  }
}

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
