// Line charts in SVG, drawn to the width they are given.

import { h, s } from "./dom.js";
import { dateText, number } from "./strings.js";

const LINES = 6; // colours in base.css, --line-0 to --line-5

/** Place a date on a line: a year without a month stands at its middle unless all dates are years. */
function place(date, yearly) {
  const [year, month, day] = date.split("-").map(Number);
  if (!month) return year + (yearly ? 0 : 0.5);
  return year + (month - 1 + (day ? (day - 1) / 31 : 0.5)) / 12;
}

/** Return about `count` round values from low to high. */
export function ticks(low, high, count = 4) {
  if (high === low) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(+value.toPrecision(12));
  return found;
}

const short = (value) => number(value, { notation: "compact", maximumFractionDigits: 2 });

/**
 * Draw series of {title, points: [{date, value, label?, citation?}]} that share a unit.
 * options: height, label (what the picture shows), onPoint (called with a point when it is chosen).
 */
export function lineChart(series, options = {}) {
  const box = h("div", { class: "q-chart" });
  let width = 0;
  const draw = () => {
    const now = Math.floor(box.clientWidth);
    if (!now || now === width) return;
    width = now;
    box.replaceChildren(picture(series, now, options));
  };
  new ResizeObserver(draw).observe(box);
  return box;
}

function picture(series, width, { height = 220, label = "", onPoint } = {}) {
  const points = series.flatMap((line) => line.points);
  const yearly = points.every((p) => p.date.length === 4);
  const values = points.map((p) => p.value);
  const floor = Math.min(0, ...values);
  const marks = ticks(floor, Math.max(...values, floor + 1e-9));
  if (marks.length > 1 && marks.at(-1) < Math.max(...values)) marks.push(2 * marks.at(-1) - marks.at(-2));
  const top = marks.at(-1);
  const xs = points.map((p) => place(p.date, yearly));
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const room = Math.max(...marks.map((m) => short(m).length)) * 7.2 + 10;
  const frame = { left: Math.max(34, room), right: 22, top: 22, bottom: 28 };
  const x = (v) => frame.left + (last === first ? 0.5 : (v - first) / (last - first)) * (width - frame.left - frame.right);
  const y = (v) => frame.top + (1 - (v - floor) / (top - floor || 1)) * (height - frame.top - frame.bottom);
  const svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: onPoint ? "group" : "img", "aria-label": label });
  for (const mark of marks) {
    svg.append(
      s("line", { class: "q-grid" + (mark === 0 ? " is-zero" : ""), x1: frame.left, x2: width - frame.right, y1: y(mark), y2: y(mark) }),
      s("text", { class: "q-tick", x: frame.left - 8, y: y(mark) + 4, "text-anchor": "end" }, short(mark)));
  }
  for (const [at, words, anchor] of timeLabels(points, xs, (width - frame.left - frame.right) / 58))
    svg.append(s("text", { class: "q-tick", x: x(at), y: height - 8, "text-anchor": anchor }, words));
  series.forEach((line, index) => {
    const colour = `var(--line-${(line.colour ?? index) % LINES})`;
    const path = line.points.map((p, i) => (i ? "L" : "M") + x(place(p.date, yearly)).toFixed(1) + " " + y(p.value).toFixed(1)).join("");
    svg.append(s("path", { class: "q-line", d: path, style: "stroke:" + colour }));
    for (const [i, point] of line.points.entries()) {
      const at = { cx: x(place(point.date, yearly)), cy: y(point.value) };
      const words = `${dateText(point.date)}: ${point.label ?? number(point.value)}`;
      const dot = s("circle", { class: "q-dot", ...at, r: 4, style: "fill:" + colour }, s("title", {}, words));
      if (onPoint) {
        dot.setAttribute("tabindex", "0");
        dot.setAttribute("role", "button");
        dot.setAttribute("aria-label", words);
        dot.addEventListener("click", () => onPoint(point));
        dot.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); onPoint(point); } });
      }
      svg.append(dot);
      const end = i === line.points.length - 1;
      const named = series.length === 1 ? line.points.length <= 6 || i === 0 || end : series.length <= 3 && end;
      if (named) {
        const anchor = at.cx > width - 60 ? "end" : at.cx < frame.left + 20 ? "start" : "middle";
        svg.append(s("text", { class: "q-point", x: at.cx, y: at.cy - 10, "text-anchor": anchor }, short(point.value)));
      }
    }
  });
  return svg;
}

/** Label whole years, or the first and last date where there are not two of them. */
function timeLabels(points, xs, most) {
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const years = timeTicks(first, last, most);
  if (years.length > 1 || first === last) return years.map((year) => [year, String(year), "middle"]);
  return [[first, dateText(points[xs.indexOf(first)].date), "start"], [last, dateText(points[xs.indexOf(last)].date), "end"]];
}

function timeTicks(first, last, most) {
  const [from, to] = [Math.ceil(first - 0.001), Math.floor(last + 0.001)];
  if (to < from) return [Math.round(first)];
  const step = [1, 2, 5, 10, 20].find((n) => (to - from) / n + 1 <= Math.max(2, most)) ?? 50;
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);
}

/** Draw named values [{date: name, value}] as bars, in the order given. */
export function barChart(points, { label = "", colour = 0 } = {}) {
  const most = Math.max(...points.map((p) => Math.abs(p.value)), 1e-9);
  return h("ul", { class: "q-bars", "aria-label": label, style: `--colour:var(--line-${colour % LINES})` }, points.map((point) => h("li", {},
    h("span", { class: "q-bar-name", dir: "auto" }, point.date),
    h("span", { class: "q-bar-line", style: `--share:${(Math.abs(point.value) / most).toFixed(3)}` }),
    h("span", { class: "q-number" }, number(point.value, { maximumFractionDigits: 2 })))));
}
