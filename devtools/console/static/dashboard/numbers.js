// Single numbers, large, and bars to compare numbers by.

import { keyed, make, write } from "/static/shell.js";
import { marked, readable, tone } from "./format.js";

const rows = (widget) => widget.values.map((value, number) => ({ value, number }));
const name = ({ value, number }) => `${number}-${value.label}`;

/** The numbers of a widget. */
export function numbers(body, widget) {
  const list = body.firstElementChild ?? body.appendChild(make("dl", "figures"));
  keyed(list, rows(widget), name, () => make("div", "", make("dt"), make("dd", "number")), (item, { value, number }) => {
    item.style.setProperty("--tone", tone(value.color, number));
    item.classList.toggle("without", value.value === null);
    write(item.children[0], marked(value));
    write(item.children[1], readable(value.value, value.unit));
  });
}

/** The bars of a widget. */
export function bars(body, widget) {
  const most = Math.max(0, ...widget.values.map((one) => one.value ?? 0)) || 1;
  const list = body.firstElementChild ?? body.appendChild(make("dl", "bars"));
  keyed(list, rows(widget), name, () => make("div", "", make("dt"), make("dd", "", make("span", "stick"), make("span", "number"))),
    (item, { value, number }) => {
      item.style.setProperty("--tone", tone(value.color, number));
      item.style.setProperty("--share", String((value.value ?? 0) / most));
      write(item.children[0], marked(value));
      write(item.children[1].lastElementChild, readable(value.value, value.unit));
    });
}
