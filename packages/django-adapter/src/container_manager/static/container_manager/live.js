// Keeps the end of an output in sight while it grows, unless somebody has scrolled up.
"use strict";
(() => {
  const streams = () => document.querySelectorAll("[data-follow]");
  const atEnd = new WeakMap();
  const toEnd = (stream) => { stream.scrollTop = stream.scrollHeight; };
  const isAtEnd = (stream) => stream.scrollHeight - stream.scrollTop - stream.clientHeight < 24;
  document.addEventListener("DOMContentLoaded", () => streams().forEach(toEnd));
  document.addEventListener("htmx:beforeSwap", () => streams().forEach((stream) => atEnd.set(stream, isAtEnd(stream))));
  document.addEventListener("htmx:afterSettle", () => streams().forEach((stream) => { if (atEnd.get(stream)) { toEnd(stream); } }));
})();
