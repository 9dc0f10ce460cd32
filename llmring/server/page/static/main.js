/** The page: asks the server for what was chosen, and shows it. */

import { apiKey, logs, stats } from "./api.js";
import { Choice } from "./choice.js";
import { nextTheme } from "./colours.js";
import { columnsOf, keyOf, numberOf, today } from "./days.js";
import { $, announce } from "./dom.js";
import { askForKey } from "./key.js";
import { ColumnPlot, RowPlot } from "./plots.js";
import { addCalls, fillTotals } from "./tables.js";
import { add, calls, count, exact, largest, MEASURES, money, NOTHING } from "./totals.js";

const N_ROWS = 8;
const N_TABLE_ROWS = 100;
const N_CALLS = 25;
const GROUPS = {
  model: { list: "by_model", none: "no model", many: "models" },
  origin: { list: "by_origin", none: "no origin", many: "origins" },
  alias: { list: "by_alias", none: "asked without an alias", many: "aliases" },
};

const choice = new Choice((isShownOtherwise) => (isShownOtherwise && found ? show() : load()));
const plots = { day: new ColumnPlot($("by-day")) };
for (const name of Object.keys(GROUPS)) plots[name] = new RowPlot($(`by-${name}`));

/** What the server has said; null for nothing yet. */
let found = null;
/** The calls that are listed, by id: while they are read, others come in. */
let listed = new Set();
let asking = new AbortController();

async function load() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  $("content").ariaBusy = "true";
  try {
    const { query } = choice;
    const [totals, last] = await Promise.all([stats(query, signal), logs({ ...query, limit: N_CALLS }, signal)]);
    const isNew = !totals.summary.calls && !(await logs({ limit: 1 }, signal)).length;
    found = { totals, isNew };
    $("problem").hidden = true;
    choice.settleMeasure(totals.summary);
    show();
    listCalls(last, true);
    announce(`${calls(totals.summary.calls)}, ${money(totals.summary.cost)}`);
  } catch (error) {
    if (!signal.aborted) await onProblem(error);
  } finally {
    if (!signal.aborted) $("content").ariaBusy = "false";
  }
}

/** A key that is missing, wrong or the admin's is asked for again; all else is told. */
async function onProblem(error) {
  const hadKey = apiKey.get() !== null;
  const isKey = error.status === 401 || error.status === 403;
  const reason = error.status === 401 ? "The server does not take that key." : error.message;
  if (isKey && (await askForKey(hadKey ? reason : ""))) return load();
  found = null;
  $("content").hidden = true;
  $("problem").hidden = false;
  $("problem-text").textContent = isKey ? "The numbers are shown to who has a key." : error.message;
  $("problem-retry").textContent = isKey ? "Enter a key" : "Try again";
}

function show() {
  const { totals, isNew } = found;
  const { summary } = totals;
  const measure = MEASURES[choice.measure];
  $("content").hidden = false;
  $("start").hidden = !isNew;
  $("nothing").hidden = isNew || summary.calls > 0;
  $("found").hidden = summary.calls === 0;
  showSummary(summary);
  showLegend(measure);
  if (!summary.calls) return;
  showDays(totals.by_day, measure);
  for (const [name, group] of Object.entries(GROUPS)) showGroup(name, group, totals[group.list], measure);
}

function showSummary(summary) {
  $("total-cost").textContent = money(summary.cost);
  $("total-calls").textContent = count(summary.calls);
  $("total-input").textContent = count(summary.input_tokens);
  $("total-cached").textContent = count(summary.cached_input_tokens);
  $("total-output").textContent = count(summary.output_tokens);
  $("unpriced").hidden = !summary.unpriced;
  $("unpriced").textContent =
    `The price of ${exact(summary.unpriced)} of ${calls(summary.calls)} is not known. They count as $0.`;
}

function showLegend({ parts }) {
  $("legend").hidden = parts.length < 2;
}

function showDays(byDay, measure) {
  const days = byDay.filter((one) => !Number.isNaN(numberOf(one.key)));
  const [chosenFirst, chosenLast] = choice.days;
  const first = chosenFirst ?? numberOf(days[0].key);
  const last = Math.max(first, chosenLast ?? Math.max(today(), numberOf(days.at(-1).key)));
  const { unit, columns } = columnsOf(days, first, last, add, NOTHING);
  const marks = columns.map((column) => ({
    ...column,
    pick: first === last ? null : () => choice.only(column.from, column.to),
  }));
  $("by-day-title").textContent = `By ${unit}`;
  const span = `${keyOf(first)} to ${keyOf(last)}`;
  plots.day.show(`By ${unit}, ${span}`, marks, measure, span);
  fillTotals($("by-day").querySelector("table"), [...marks].reverse());
}

function showGroup(name, group, list, measure) {
  const marks = list.map((totals) => {
    const { key } = totals;
    // An empty filter is none, and what is no text cannot be sent.
    const pick = key && key.isWellFormed() ? () => choice.toggle(name, key) : null;
    return { name: key ? visible(key) : group.none, totals, pick, isPicked: key !== null && choice.has(name, key) };
  });
  const others = (number, totals) => ({ name: `${exact(number)} other ${group.many}`, totals, pick: null });
  const resting = `${exact(list.length)} ${list.length === 1 ? name : group.many}`;
  plots[name].show(`By ${name}`, largest(marks, measure, N_ROWS, others), measure, resting);
  fillTotals($(`by-${name}`).querySelector("table"), largest(marks, measure, N_TABLE_ROWS, others));
}

/** A name of nothing that shows is put in quotes, so that there is something to look at. */
const visible = (name) => (/^[\s\p{C}]*$/u.test(name) ? `"${name}"` : name);

function listCalls(some, areFirst) {
  const table = $("calls").querySelector("table");
  if (areFirst) {
    listed = new Set();
    table.tBodies[0].replaceChildren();
  }
  addCalls(table, some.filter((call) => !listed.has(call.id)));
  for (const call of some) listed.add(call.id);
  $("older").hidden = some.length < N_CALLS;
}

async function older() {
  const { signal } = asking;
  $("older").disabled = true;
  try {
    listCalls(await logs({ ...choice.query, limit: N_CALLS, offset: listed.size }, signal), false);
  } catch (error) {
    if (!signal.aborted) await onProblem(error);
  } finally {
    $("older").disabled = false;
  }
}

async function changeKey() {
  const before = apiKey.get();
  if (await askForKey("")) return load();
  if (before) apiKey.set(before);
}

for (const place of document.querySelectorAll(".address")) place.textContent = location.origin;
$("theme").addEventListener("click", nextTheme);
$("refresh").addEventListener("click", load);
$("change-key").addEventListener("click", changeKey);
$("problem-retry").addEventListener("click", load);
$("show-all").addEventListener("click", () => choice.clear());
$("older").addEventListener("click", older);
load();
