/** Calls together, as `UsageTotals` of the server has them, and what can be shown of them. */

export const NOTHING = {
  calls: 0,
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  cost: 0,
  unpriced: 0,
};

/** Two of them together. */
export function add(a, b) {
  return Object.fromEntries(Object.keys(NOTHING).map((name) => [name, a[name] + b[name]]));
}

const currency = (options) => new Intl.NumberFormat("en", { style: "currency", currency: "USD", ...options });
const dollars = currency({});
const cents = currency({ maximumFractionDigits: 3 });
// A call of a small model takes thousandths of a cent.
const partsOfCents = currency({ maximumSignificantDigits: 3 });
const compactDollars = currency({ notation: "compact", maximumSignificantDigits: 4 });
const whole = new Intl.NumberFormat("en");
const compactWhole = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

/** Dollars. */
export function money(value) {
  if (value === 0) return "$0";
  if (value < 1) return (value < 0.1 ? partsOfCents : cents).format(value);
  return (value < 1e6 ? dollars : compactDollars).format(value);
}

/** A count, all digits. */
export const exact = (value) => whole.format(value);

/** A count, in little room. */
export const count = (value) => (value < 10_000 ? whole : compactWhole).format(value);

/** "1 call", "2 calls". */
export const calls = (value) => `${exact(value)} ${value === 1 ? "call" : "calls"}`;

/** What plots can show: its parts, one upon the other, and how a value is written. */
export const MEASURES = {
  cost: { parts: [{ name: "Cost", of: (totals) => totals.cost }], show: money, isWhole: false },
  tokens: {
    parts: [
      { name: "Input tokens", of: (totals) => totals.input_tokens },
      { name: "Output tokens", of: (totals) => totals.output_tokens },
    ],
    show: count,
    isWhole: true,
  },
  calls: { parts: [{ name: "Calls", of: (totals) => totals.calls }], show: count, isWhole: true },
};

/** All parts of a measure together. */
export const valueOf = (measure, totals) => measure.parts.reduce((sum, part) => sum + part.of(totals), 0);

/** All that is known, in a sentence. */
export function inWords(totals) {
  const unpriced = totals.unpriced ? ` (${exact(totals.unpriced)} without a known price)` : "";
  return (
    `${money(totals.cost)}, ${calls(totals.calls)}${unpriced}, ` +
    `${count(totals.input_tokens)} tokens in, ${count(totals.output_tokens)} out`
  );
}

/**
 * The largest, and all others as one.
 * @param list has `totals` each.
 * @param most how many stay by themselves.
 * @param others makes one of the number of the others and their totals.
 */
export function largest(list, measure, most, others) {
  const ranked = [...list].sort((a, b) => valueOf(measure, b.totals) - valueOf(measure, a.totals));
  // One more takes no more room than "1 other" would.
  if (ranked.length <= most + 1) return ranked;
  const rest = ranked.slice(most);
  return [...ranked.slice(0, most), others(rest.length, rest.map((one) => one.totals).reduce(add))];
}
