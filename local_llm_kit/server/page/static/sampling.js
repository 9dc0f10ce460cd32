/** The settings of a conversation that go with each request: what there is, and what is allowed. */

const MOST_TOKENS = 2 ** 31 - 1;

/** By the name that the API gives them. `more` stands under the fold. */
export const SAMPLING = [
  {
    name: "temperature",
    label: "Temperature",
    min: 0,
    max: 2,
    step: 0.05,
    help: "0 always takes the likeliest word; higher is more varied.",
  },
  {
    name: "top_p",
    label: "Top p",
    min: 0.01,
    max: 1,
    step: 0.01,
    help: "Choose among the likeliest words that together have this probability.",
  },
  {
    name: "max_tokens",
    label: "Max tokens",
    min: 1,
    max: MOST_TOKENS,
    step: 1,
    help: "The longest answer; empty: as long as fits.",
  },
  {
    name: "seed",
    label: "Seed",
    min: 0,
    max: MOST_TOKENS,
    step: 1,
    help: "The same seed and question give the same answer.",
  },
  {
    name: "top_k",
    label: "Top k",
    min: 0,
    max: MOST_TOKENS,
    step: 1,
    more: true,
    help: "Choose among this many words; 0: all.",
  },
  {
    name: "min_p",
    label: "Min p",
    min: 0,
    max: 1,
    step: 0.01,
    more: true,
    help: "Leave out words less likely than this share of the likeliest.",
  },
  {
    name: "repetition_penalty",
    label: "Repetition penalty",
    min: 0.01,
    max: 10,
    step: 0.01,
    more: true,
    help: "Above 1 repeats less.",
  },
  {
    name: "frequency_penalty",
    label: "Frequency penalty",
    min: -2,
    max: 2,
    step: 0.05,
    more: true,
    help: "Against words, the more often they stood.",
  },
  {
    name: "presence_penalty",
    label: "Presence penalty",
    min: -2,
    max: 2,
    step: 0.05,
    more: true,
    help: "Against words that stood at all.",
  },
  {
    name: "stop",
    label: "Stop at",
    kind: "lines",
    more: true,
    help: "Up to four texts, one a line, that end the answer.",
  },
  {
    name: "overflow",
    label: "When the window is full",
    kind: "choice",
    more: true,
    help: "The default is to say so.",
    choices: [
      ["", "Say so"],
      ["drop_oldest", "Leave out the oldest turns"],
      ["drop_middle", "Leave out the middle"],
      ["summarise", "Summarise the oldest turns"],
    ],
  },
  {
    name: "extra",
    label: "Further fields",
    kind: "json",
    more: true,
    help: 'A JSON object, such as {"tools": […]}; sent as it is.',
  },
];

/** What the page itself says in a request. */
const OWN = ["messages", "model", "stream", "stream_options", "n"];

/** Why a text cannot be the further fields; null if it can. */
export function wrongExtra(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    return `This is not JSON: ${error.message}`;
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) return "This must be a JSON object: {…}";
  const own = OWN.find((name) => name in data);
  return own ? `“${own}” is the page’s own business; leave it out.` : null;
}

/** Of anything the settings that are allowed: what comes from a file is not believed. */
export function cleanSampling(data) {
  const clean = {};
  for (const field of SAMPLING) {
    const value = data?.[field.name];
    if (isAllowed(field, value)) clean[field.name] = value;
  }
  return clean;
}

function isAllowed(field, value) {
  switch (field.kind) {
    case "lines":
      return (
        Array.isArray(value) &&
        value.length > 0 &&
        value.length <= 4 &&
        value.every((one) => typeof one === "string" && one !== "")
      );
    case "choice":
      return value !== "" && field.choices.some(([name]) => name === value);
    case "json":
      return typeof value === "string" && wrongExtra(value) === null;
    default:
      return (
        Number.isFinite(value) &&
        value >= field.min &&
        value <= field.max &&
        (field.step < 1 || Number.isInteger(value))
      );
  }
}
