/** Days in UTC, as the server counts them: each is a number, that of days since 1970. */

const DAY_MS = 86_400_000;
/** Most columns of a plot. */
const MAX_COLUMNS = 100;

/** The number of a day written `YYYY-MM-DD`; NaN where that is none. */
export const numberOf = (key) => Date.parse(`${key}T00:00:00Z`) / DAY_MS;

/** A day as `YYYY-MM-DD`. */
export const keyOf = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** The day that it is. */
export const today = () => Math.floor(Date.now() / DAY_MS);

/** The last day that a date can name. */
export const LAST_DAY = numberOf("9999-12-31");

/**
 * What `since` and `until` of a request are for some days.
 * @param first null for no bound; so is last, which is within.
 */
export function bounds(first, last) {
  return {
    ...(first === null ? {} : { since: `${keyOf(first)}T00:00:00Z` }),
    ...(last === null || last >= LAST_DAY ? {} : { until: `${keyOf(last + 1)}T00:00:00Z` }),
  };
}

const format = (options) => {
  const formatter = new Intl.DateTimeFormat("en", { ...options, timeZone: "UTC" });
  return (day) => formatter.format(day * DAY_MS);
};
const shortDay = format({ month: "short", day: "numeric" });
const longDay = format({ weekday: "short", month: "short", day: "numeric", year: "numeric" });
const plainDay = format({ month: "short", day: "numeric", year: "numeric" });
const month = format({ month: "short", year: "numeric" });

const yearOf = (day) => new Date(day * DAY_MS).getUTCFullYear();
const monthOf = (day) => new Date(day * DAY_MS).getUTCMonth();

/** The first day of a month. `Date.UTC` takes the year 12 for 1912. */
const firstOf = (year, month) => new Date(0).setUTCFullYear(year, month, 1) / DAY_MS;

const BY_DAY = {
  name: "day",
  start: (day) => day,
  next: (day) => day + 1,
  short: shortDay,
  long: (from) => longDay(from),
};
const BY_WEEK = {
  name: "week",
  start: (day) => day - ((((day + 3) % 7) + 7) % 7), // 1970 began on a Thursday, weeks on Mondays
  next: (day) => day + 7,
  short: shortDay,
  long: (from, to) => (from === to ? longDay(from) : `${shortDay(from)} to ${plainDay(to)}`),
};
const BY_MONTH = {
  name: "month",
  start: (day) => firstOf(yearOf(day), monthOf(day)),
  next: (day) => firstOf(yearOf(day), monthOf(day) + 1),
  short: month,
  long: (from) => month(from),
};
const byYears = (count) => ({
  name: count === 1 ? "year" : `${count} years`,
  start: (day) => firstOf(Math.floor(yearOf(day) / count) * count, 0),
  next: (day) => firstOf(yearOf(day) + count, 0),
  short: (day) => String(yearOf(day)),
  long: (from, to) => (yearOf(from) === yearOf(to) ? String(yearOf(from)) : `${yearOf(from)} to ${yearOf(to)}`),
});

/** What days are put together by, so that a plot can show them. */
function unitFor(first, last) {
  const days = last - first + 1;
  if (days <= MAX_COLUMNS) return BY_DAY;
  if (days <= MAX_COLUMNS * 7) return BY_WEEK;
  if (days <= MAX_COLUMNS * 30) return BY_MONTH;
  return byYears(Math.ceil((yearOf(last) - yearOf(first) + 1) / MAX_COLUMNS));
}

/**
 * The columns of a plot: all of the days from first to last, those without calls too.
 * @param totals what the server says of days that have calls, in order.
 * @param add puts the totals of two days together.
 * @param nothing the totals of a day without calls.
 * @returns the name of the unit, and a column for each of them.
 */
export function columnsOf(totals, first, last, add, nothing) {
  const unit = unitFor(first, last);
  const columns = new Map();
  for (let start = unit.start(first); start <= last; start = unit.next(start)) {
    const from = Math.max(start, first);
    const to = Math.min(unit.next(start) - 1, last);
    columns.set(start, { from, to, short: unit.short(from), name: unit.long(from, to), totals: nothing });
  }
  for (const one of totals) {
    const column = columns.get(unit.start(numberOf(one.key)));
    if (column) column.totals = add(column.totals, one);
  }
  return { unit: unit.name, columns: [...columns.values()] };
}
