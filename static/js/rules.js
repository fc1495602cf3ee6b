// Model Routing Rules: a rule is dragged by its grip to another place. The buttons beside it do the same without.
"use strict";

let dragged = null;

const ruleAt = (event) => event.target.closest?.("#rules [data-rule]");
const isAbove = (event, rule) => event.clientY < rule.getBoundingClientRect().top + rule.offsetHeight / 2;

function clearPlaces() {
  for (const rule of document.querySelectorAll("#rules [data-drop]")) delete rule.dataset.drop;
}

document.addEventListener("dragstart", (event) => {
  if (!event.target.closest?.("[data-grip]")) return;
  dragged = ruleAt(event);
  dragged.dataset.dragged = "";
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.rule); // Firefox drags nothing without data
  event.dataTransfer.setDragImage(dragged, 24, 24);
});

document.addEventListener("dragover", (event) => {
  const rule = dragged && ruleAt(event);
  if (!rule) return;
  event.preventDefault();
  clearPlaces();
  if (rule !== dragged) rule.dataset.drop = isAbove(event, rule) ? "before" : "after";
});

document.addEventListener("drop", (event) => {
  const rule = dragged && ruleAt(event);
  if (!rule) return;
  event.preventDefault();
  if (rule === dragged) return;
  const values = { [isAbove(event, rule) ? "before" : "after"]: rule.dataset.rule };
  htmx.ajax("POST", dragged.dataset.move, { source: dragged, target: "#rules", swap: "outerHTML", values });
});

document.addEventListener("dragend", () => {
  if (dragged) delete dragged.dataset.dragged;
  dragged = null;
  clearPlaces();
});
