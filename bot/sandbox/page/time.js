// Times as Discord writes them: "today at 14:05", "in 3 minutes", and the styles of <t:…:R>.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_628_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** "14:05" today, "Yesterday at 14:05", else with the date. */
export function when(date) {
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  if (days === 0) return `Today at ${clock.format(date)}`;
  if (days === 1) return `Yesterday at ${clock.format(date)}`;
  return `${date.toLocaleDateString()} ${clock.format(date)}`;
}

export const clockTime = (date) => clock.format(date);

export const dayName = (date) =>
  date.toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" });

/** "in 20 seconds", "3 minutes ago". */
export function fromNow(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
  return relative.format(Math.round(seconds / size), unit);
}

/** A <time> element for Discord's timestamp styles; relative ones keep themselves current. */
export function timeElement(date, style = "f") {
  const node = document.createElement("time");
  node.className = "stamp";
  node.dateTime = date.toISOString();
  node.title = date.toLocaleString(undefined, STYLES.F);
  if (style === "R") node.dataset.relative = "";
  node.textContent =
    style === "R" ? fromNow(date) : date.toLocaleString(undefined, STYLES[style] ?? STYLES.f);
  return node;
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-relative]")) {
    const text = fromNow(new Date(node.dateTime));
    if (node.textContent !== text) node.textContent = text;
  }
}, 1000);
