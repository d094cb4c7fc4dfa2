// Numbers, times and colours as the page shows them.

/** A number with its unit, short enough for an axis: 350 ms, 1.5 s, 15 min, 1.23k, 45 %. */
export function readable(value, unit = "") {
  if (value === null || value === undefined) return "–";
  if (unit === "Milliseconds") return value >= 1000 ? seconds(value / 1000) : value ? `${short(value)} ms` : "0";
  if (unit === "Seconds") return value ? seconds(value) : "0";
  if (unit === "Percent") return `${short(value)} %`;
  return short(value);
}

function seconds(value) {
  if (value >= 7200) return `${short(value / 3600)} h`;
  return value >= 120 ? `${short(value / 60)} min` : `${short(value)} s`;
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${three(value / 1e6)}M`;
  if (size >= 1e3) return `${three(value / 1e3)}k`;
  return three(value);
}

function three(value) {
  return String(Number(value.toPrecision(3)));
}

/** A mark behind the name of a series whose numbers are not AWS's own. */
export function marked(series) {
  return series.label + { own: "", "stand-in": "\u00a0*", aws: "\u00a0†" }[series.source];
}

// What a dashboard's body says, and the CloudWatch default, in colours that differ enough on a light page and on a dark one.
const NAMES = {
  "#1f77b4": "blue", "#ff7f0e": "orange", "#2ca02c": "green", "#d62728": "red", "#9467bd": "purple",
  "#8c564b": "brown", "#e377c2": "pink", "#7f7f7f": "grey", "#bcbd22": "olive", "#17becf": "cyan",
};
const ORDER = ["blue", "orange", "green", "red", "purple", "brown", "pink", "grey", "olive", "cyan"];

/** The name of a series' colour, as the style sheet has it, or the colour itself. */
export function tone(color, number) {
  if (!color) return `var(--plot-${ORDER[number % ORDER.length]})`;
  const name = NAMES[color.toLowerCase()];
  return name ? `var(--plot-${name})` : color;
}

/** Any colour of CSS as one that a script can draw with, in the colours of now. */
export function drawn(color) {
  const probe = document.getElementById("main");
  probe.style.setProperty("outline-color", color);
  const found = getComputedStyle(probe).outlineColor;
  probe.style.removeProperty("outline-color");
  return found;
}

/** A moment as Plotly reads one, in the time of this machine. */
export function local(at) {
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 23).replace("T", " ");
}
