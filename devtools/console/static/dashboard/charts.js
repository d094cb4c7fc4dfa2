// Draws the charts of numbers over time with Plotly, each with its legend, and with a table of what it shows.

import { clock, keyed, make, write } from "/static/shell.js";
import { drawn, local, marked, readable, tone } from "./format.js";
import { scrolling } from "./words.js";

const CONFIG = { displayModeBar: false, displaylogo: false, doubleClick: "reset", showTips: false, responsive: false };
// A finger that moves over a chart scrolls the page.
const DRAG = matchMedia("(pointer: coarse)").matches ? false : "zoom";
const charts = new Set();
// It reports the size of a new chart, too: only then is it drawn.
const sized = new ResizeObserver((entries) => {
  for (const { target } of entries) draw(target.closest("figure"));
});

/** Draw a chart in `body`, or bring the one that is there up to date. */
export function chart(body, widget, page) {
  let figure = body.querySelector("figure");
  if (!figure) {
    figure = make("figure", "", make("div", "plot"), make("p", "none soft"), make("figcaption", "", make("ul", "legend")));
    const summary = make("summary", "", "table", make("span", "visually-hidden", ` of ${widget.title}`));
    body.append(figure, make("details", "values", summary, scrolling(`Values of ${widget.title}`)));
    figure.hidden_series = new Set();
    charts.add(figure);
    sized.observe(figure.querySelector(".plot"));
    body.querySelector("details").addEventListener("toggle", () => tabulate(figure));
  }
  figure.widget = widget;
  figure.page = page;
  legend(figure);
  draw(figure);
  tabulate(figure);
}

/** Draw all charts again, in the colours of now. */
export function recolor() {
  for (const figure of charts) draw(figure);
}

function draw(figure) {
  const { widget, page } = figure;
  const plot = figure.querySelector(".plot");
  const why = absence(widget);
  write(figure.querySelector(".none"), why);
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${widget.title}: ${why || widget.series.map(latest).join("; ")}`);
  const shown = widget.series.map((series, number) => ({ series, number })).filter(({ number }) => !figure.hidden_series.has(number));
  const { clientWidth: width, clientHeight: height } = plot;
  if (!width || !height) return;
  Plotly.react(plot, traces(shown, widget, page), { ...layout(widget, page, shown, width), width, height }, CONFIG);
}

function absence(widget) {
  if (widget.series.some((series) => series.points.length)) return "";
  return widget.series.every((series) => series.source === "aws") ? "Published by AWS only" : "No data";
}

function latest(series) {
  const last = series.points.at(-1);
  return `${series.label} ${last ? readable(last[1], series.unit) : "no data"}`;
}

function traces(shown, widget, page) {
  return shown.map(({ series, number }) => {
    const color = drawn(tone(series.color, number));
    const points = widget.stacked ? filled(series.points, widget.period_ms, page) : gapped(series.points, widget.period_ms);
    const alone = points.map(([, value], place) => value !== null && lone(points, place));
    return {
      name: marked(series),
      x: points.map(([at]) => local(at)),
      y: points.map(([, value]) => value),
      customdata: points.map(([, value]) => readable(value, series.unit)),
      hovertemplate: "%{customdata}",
      type: "scatter",
      mode: "lines+markers",
      connectgaps: false,
      line: { color, width: 1.75, shape: "linear" },
      marker: { color, size: alone.map((one) => (one ? 5 : 0)), line: { width: 0 } },
      yaxis: series.right ? "y2" : "y",
      ...(widget.stacked ? { stackgroup: series.right ? "right" : "left", fillcolor: clear(color) } : {}),
    };
  });
}

// Periods without a number are no line: a null between points that are further apart than one period.
function gapped(points, period) {
  return points.flatMap((point, place) => {
    const before = points[place - 1];
    return before && point[0] - before[0] > period ? [[before[0] + period, null], point] : [point];
  });
}

// One lies upon the other in each period, so that a period without a number counts as 0.
function filled(points, period, page) {
  const values = new Map(points), first = points[0]?.[0] ?? page.start_ms;
  const moments = [];
  for (let at = first - Math.floor((first - page.start_ms) / period) * period; at < page.end_ms; at += period) moments.push(at);
  return points.length ? moments.map((at) => [at, values.get(at) ?? 0]) : [];
}

function clear(color) {
  return color.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)");
}

function lone(points, place) {
  return (points[place - 1]?.[1] ?? null) === null && (points[place + 1]?.[1] ?? null) === null;
}

function layout(widget, page, shown, width) {
  const ink = drawn("var(--soft)"), line = drawn("var(--plot-grid)"), card = drawn("var(--raised)");
  const font = { family: getComputedStyle(document.body).fontFamily, size: 11, color: ink };
  const right = shown.some(({ series }) => series.right);
  return {
    autosize: false,
    font,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 44, r: right ? 48 : 8, t: 8, b: 22 },
    showlegend: false,
    hovermode: "x unified",
    hoverlabel: { bgcolor: card, bordercolor: drawn("var(--line)"), font: { ...font, size: 12, color: drawn("var(--ink)") } },
    dragmode: DRAG,
    uirevision: page.period_s,
    xaxis: {
      type: "date", range: [local(page.start_ms), local(page.end_ms)], showgrid: false, zeroline: false,
      nticks: Math.max(2, Math.min(8, Math.floor(width / 64))), tickangle: 0,
      tickformat: "%H:%M", hoverformat: "%H:%M:%S", ticks: "", linecolor: line, showline: true, fixedrange: DRAG === false,
      showspikes: true, spikemode: "across", spikethickness: 1, spikedash: "solid", spikecolor: line, spikesnap: "data",
    },
    yaxis: axis(widget, shown, false, line),
    yaxis2: { ...axis(widget, shown, true, line), overlaying: "y", side: "right", showgrid: false },
    shapes: widget.limits.flatMap(limit),
    annotations: widget.limits.filter((one) => one.label).map(named),
  };
}

// The ticks are ours, as the units are: 0, 15 min, 30 min.
function axis(widget, shown, right, line) {
  const said = widget.axes[right ? "right" : "left"];
  const mine = shown.map(({ series }) => series).filter((series) => series.right === right);
  const limits = widget.limits.filter((one) => one.right === right).map((one) => one.value * 1.08);
  const most = said.most ?? (Math.max(0, ...limits, widget.stacked ? stackedMost(mine) : valuesMost(mine)) || 1);
  const units = new Set(mine.filter((series) => series.points.length).map((series) => series.unit));
  const unit = units.size === 1 ? [...units][0] : "";
  const least = said.least ?? 0;
  const ticks = steps(least, most, unit);
  return {
    range: span(least, Math.max(most, ticks.at(-1))), tickvals: ticks, ticktext: ticks.map((value) => readable(value, unit)),
    fixedrange: true, gridcolor: line, zeroline: false, ticks: "", tickfont: { size: 11 },
  };
}

// A line at the lowest or highest level is seen in its whole width.
function span(least, most) {
  return [least - (most - least) * 0.02, most + (most - least) * 0.04];
}

function valuesMost(series) {
  return Math.max(0, ...series.flatMap((one) => one.points.map(([, value]) => value)));
}

function stackedMost(series) {
  const sums = new Map();
  for (const one of series) for (const [at, value] of one.points) sums.set(at, (sums.get(at) ?? 0) + value);
  return Math.max(0, ...sums.values());
}

function steps(least, most, unit) {
  const minutes = (unit === "Seconds" && most > 120) || (unit === "Milliseconds" && most > 120_000);
  const base = minutes ? (unit === "Seconds" ? 60 : 60_000) : 1;
  const rough = (most - least) / base / 3;
  const size = 10 ** Math.floor(Math.log10(rough));
  let step = ([1, 2, 2.5, 5, 10].find((one) => one * size >= rough) ?? 10) * size;
  if (unit === "Count") step = Math.max(1, Math.ceil(step));
  const count = Math.max(1, Math.ceil((most - least) / base / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, place) => least + place * step * base);
}

function limit(one) {
  const color = drawn(tone(one.color ?? "#d62728", 0));
  const yref = one.right ? "y2" : "y";
  const level = { type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: one.value, y1: one.value,
    line: { color, width: 1, dash: "dash" } };
  if (one.fill !== "above" && one.fill !== "below") return [level];
  return [level, { type: "rect", xref: "paper", x0: 0, x1: 1, yref, y0: one.value, y1: one.fill === "above" ? one.value * 1e6 : 0,
    fillcolor: color, opacity: 0.07, line: { width: 0 }, layer: "below" }];
}

function named(one) {
  return { xref: "paper", x: 1, xanchor: "right", yref: one.right ? "y2" : "y", y: one.value, yanchor: "bottom",
    text: one.label.replaceAll("<", "&lt;"), showarrow: false, font: { size: 10, color: drawn(tone(one.color ?? "#d62728", 0)) } };
}

function legend(figure) {
  const { widget } = figure;
  const list = figure.querySelector(".legend");
  list.hidden = !widget.legend;
  keyed(list, widget.series.map((series, number) => ({ series, number })), ({ series, number }) => `${number}-${series.label}`,
    ({ number }) => entry(figure, number), (item, { series, number }) => {
      const button = item.firstElementChild;
      button.style.setProperty("--tone", tone(series.color, number));
      button.classList.toggle("without", !series.points.length);
      write(button.children[1], marked(series));
      const last = series.points.at(-1);
      write(button.children[2], readable(last?.[1], series.unit));
      button.title = `${last ? `Last reported at ${clock(last[0])}` : "Not reported in this time"}. Show or hide`;
    });
}

function entry(figure, number) {
  const button = make("button", "plain", make("span", "tone"), make("span", "name"), make("span", "number last"));
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => {
    const hidden = figure.hidden_series;
    if (!hidden.delete(number)) hidden.add(number);
    button.setAttribute("aria-pressed", String(!hidden.has(number)));
    draw(figure);
  });
  return make("li", "", button);
}

function tabulate(figure) {
  const details = figure.nextElementSibling;
  if (!details.open) return;
  const { series } = figure.widget;
  const moments = [...new Set(series.flatMap((one) => one.points.map(([at]) => at)))].sort((one, other) => other - one);
  const values = series.map((one) => new Map(one.points));
  const head = make("tr", "", ...["time", ...series.map(marked)].map((text) => scoped(make("th", "", text), "col")));
  const rows = moments.map((at) => make("tr", "", scoped(make("th", "", clock(at)), "row"),
    ...values.map((one, place) => make("td", "", readable(one.get(at), series[place].unit)))));
  details.lastElementChild.replaceChildren(make("table", "", make("thead", "", head), make("tbody", "", ...rows)));
}

function scoped(cell, scope) {
  cell.scope = scope;
  return cell;
}
