// Runs before the first picture, so that a page never shows the wrong colours for a moment.
"use strict";
{
  let chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch { /* storage may be off: the system's colours then */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
