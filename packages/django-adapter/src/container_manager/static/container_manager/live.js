// Keeps the end of an output in sight while it grows, unless somebody has scrolled up.
// Lets the durations of what runs count on.
"use strict";
(() => {
  const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  const asText = (seconds) => {
    const found = units.find(([size]) => seconds >= size);
    if (!found) { return `${seconds} s`; }
    const [size, unit, below, smaller] = found;
    const rest = Math.floor((seconds % size) / below);
    return `${Math.floor(seconds / size)} ${unit}` + (rest ? ` ${rest} ${smaller}` : "");
  };
  const count = () => document.querySelectorAll("[data-since]").forEach((element) => {
    element.textContent = asText(Math.max(0, Math.round(Date.now() / 1000 - element.dataset.since)));
  });
  setInterval(count, 1000);
  const streams = () => document.querySelectorAll("[data-follow]");
  const atEnd = new WeakMap();
  const toEnd = (stream) => { stream.scrollTop = stream.scrollHeight; };
  const isAtEnd = (stream) => stream.scrollHeight - stream.scrollTop - stream.clientHeight < 24;
  document.addEventListener("DOMContentLoaded", () => streams().forEach(toEnd));
  document.addEventListener("htmx:beforeSwap", () => streams().forEach((stream) => atEnd.set(stream, isAtEnd(stream))));
  document.addEventListener("htmx:afterSettle", () => streams().forEach((stream) => { if (atEnd.get(stream)) { toEnd(stream); } }));
})();
