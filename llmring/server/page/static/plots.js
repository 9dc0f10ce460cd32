/** Two kinds of plots: columns over time, and rows of names. */

import { draw, fitted, ticksTo, widthOf } from "./svg.js";
import { inWords, valueOf } from "./totals.js";

const HEIGHT = 236;
const FOOT = 26;
const TOP = 12;
const ROW = 46;
const LABEL_GAP = 26;
const TEXT = 13;

/** A drawing that is as wide as its place, with one stop of the Tab key; arrows go on from there. */
class Plot {
  /**
   * @param figure has `.drawing`, and `.readout` for what the mark that is looked at stands for.
   * @param keys the arrow keys that go back and on.
   */
  constructor(figure, keys) {
    this.place = figure.querySelector(".drawing");
    this.readout = figure.querySelector(".readout");
    this.keys = keys;
    this.marks = [];
    this.current = 0;
    new ResizeObserver(() => this.fit()).observe(this.place);
    this.place.addEventListener("keydown", (event) => this.onKey(event));
    this.place.addEventListener("pointerleave", () => this.rest());
    this.place.addEventListener("focusout", () => this.rest());
  }

  /**
   * Show marks.
   * @param label what the drawing is of, for who does not see it.
   * @param marks each has a name, totals, perhaps `short` for its axis, `pick` to be called when
   *   it is chosen, and `isPicked`.
   * @param resting the readout while no mark is looked at.
   */
  show(label, marks, measure, resting) {
    Object.assign(this, { label, marks, measure, resting, width: 0 });
    this.current = Math.max(0, Math.min(this.current, marks.length - 1));
    this.readout.textContent = resting;
    this.fit();
  }

  /** Draw, where the place has another width than the drawing. */
  fit() {
    const width = Math.floor(this.place.clientWidth);
    if (!width || width === this.width || !this.measure) return;
    this.width = width;
    const hadFocus = this.place.contains(document.activeElement);
    this.place.replaceChildren(this.drawn(width));
    if (hadFocus) this.buttons()[this.current]?.focus();
  }

  rest() {
    this.readout.textContent = this.resting ?? "";
  }

  buttons() {
    return this.place.querySelectorAll(".mark");
  }

  /** A mark: what is drawn of it, made to be chosen, and looked at. */
  mark(i, ...children) {
    const { name, totals, pick, isPicked } = this.marks[i];
    const told = `${name}: ${inWords(totals)}`;
    const mark = draw(
      "g",
      {
        class: `mark${pick ? " can-be-picked" : ""}${isPicked ? " picked" : ""}`,
        role: pick ? "button" : "img",
        "aria-label": told,
        "aria-pressed": pick ? String(Boolean(isPicked)) : undefined,
        tabindex: i === this.current ? 0 : -1,
      },
      ...children,
    );
    const tell = () => (this.readout.textContent = told);
    mark.addEventListener("pointerenter", tell);
    mark.addEventListener("focus", () => {
      this.current = i;
      tell();
    });
    mark.addEventListener("click", () => pick?.());
    return mark;
  }

  onKey(event) {
    const last = this.marks.length - 1;
    const to = {
      [this.keys[0]]: this.current - 1,
      [this.keys[1]]: this.current + 1,
      Home: 0,
      End: last,
    }[event.key];
    if (event.key === "Enter" || event.key === " ") this.marks[this.current]?.pick?.();
    else if (to === undefined) return;
    else this.go(Math.max(0, Math.min(to, last)));
    event.preventDefault();
  }

  go(to) {
    const buttons = this.buttons();
    buttons[this.current]?.setAttribute("tabindex", -1);
    this.current = to;
    buttons[to]?.setAttribute("tabindex", 0);
    buttons[to]?.focus();
  }

  /** The parts of a mark's value, each with how much lies before it, of a whole of `length`. */
  parts(totals, largest, length) {
    const whole = valueOf(this.measure, totals);
    // What there is can be seen, however little it is.
    const long = whole > 0 ? Math.max((whole / largest) * length, 2) : 0;
    let before = 0;
    return this.measure.parts.map((part, i) => {
      const size = whole > 0 ? (part.of(totals) / whole) * long : 0;
      before += size;
      return { kind: `part part-${i}`, before: before - size, size };
    });
  }

  canvas(width, height, ...children) {
    const box = { width, height, viewBox: `0 0 ${width} ${height}` };
    return draw("svg", { ...box, role: "group", "aria-label": this.label }, ...children);
  }
}

/** Columns over time. */
export class ColumnPlot extends Plot {
  constructor(figure) {
    super(figure, ["ArrowLeft", "ArrowRight"]);
  }

  drawn(width) {
    const { marks, measure } = this;
    const ticks = ticksTo(Math.max(0, ...marks.map((one) => valueOf(measure, one.totals))), measure.isWhole);
    const left = Math.ceil(Math.max(...ticks.map((one) => widthOf(measure.show(one))))) + 12;
    const high = HEIGHT - TOP - FOOT;
    const bottom = TOP + high;
    const step = (width - left) / marks.length;
    const thick = Math.max(1, Math.min(36, step * 0.74));
    const largest = ticks.at(-1) || 1;
    const grid = ticks.flatMap((one) => {
      const y = bottom - (one / largest) * high;
      const line = { class: one ? "grid" : "grid base", x1: left, x2: width, y1: y, y2: y };
      return [
        draw("line", line),
        draw("text", { class: "tick-label", x: left - 10, y: y + 4, "text-anchor": "end" }, measure.show(one)),
      ];
    });
    const columns = marks.map((one, i) => {
      const x = left + step * i + (step - thick) / 2;
      const bars = this.parts(one.totals, largest, high).map(({ kind, before, size }) =>
        draw("rect", { class: kind, x, y: bottom - before - size, width: thick, height: size }),
      );
      const area = { class: "area", x: left + step * i, y: TOP, width: step, height: high };
      return this.mark(i, draw("rect", area), ...bars);
    });
    return this.canvas(width, HEIGHT, ...grid, ...columns, ...this.labels(left, step, width));
  }

  /** The names below: as many as there is room for. */
  labels(left, step, width) {
    const widest = Math.max(...this.marks.map((one) => widthOf(one.short)));
    const each = Math.max(1, Math.ceil((widest + LABEL_GAP) / step));
    return this.marks.flatMap((one, i) => {
      if (i % each) return [];
      const half = widthOf(one.short) / 2;
      const x = Math.max(left + half, Math.min(left + step * (i + 0.5), width - half));
      return [draw("text", { class: "tick-label", x, y: HEIGHT - 6, "text-anchor": "middle" }, one.short)];
    });
  }
}

/** Rows of names. */
export class RowPlot extends Plot {
  constructor(figure) {
    super(figure, ["ArrowUp", "ArrowDown"]);
  }

  drawn(width) {
    const { marks, measure } = this;
    const largest = Math.max(0, ...marks.map((one) => valueOf(measure, one.totals)));
    const rows = marks.map((one, i) => {
      const value = measure.show(valueOf(measure, one.totals));
      const top = i * ROW;
      const name = fitted(one.name, width - widthOf(value) - 24);
      const bar = { y: top + 27, height: 8 };
      return this.mark(
        i,
        draw("rect", { class: "area", x: 0, y: top, width, height: ROW - 2, rx: 6 }),
        draw("text", { class: "name", x: 4, y: top + TEXT + 5 }, name),
        draw("text", { class: "value", x: width - 4, y: top + TEXT + 5, "text-anchor": "end" }, value),
        draw("rect", { class: "track", x: 4, ...bar, width: width - 8, rx: 4 }),
        ...this.parts(one.totals, largest, width - 8).map(({ kind, before, size }) =>
          draw("rect", { class: kind, x: 4 + before, ...bar, width: size, rx: Math.min(4, size / 2) }),
        ),
      );
    });
    return this.canvas(width, Math.max(1, marks.length * ROW), ...rows);
  }
}
