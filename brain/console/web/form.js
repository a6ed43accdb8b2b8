// Numbers and times as people read them. City time is UTC+8 (datahub/contract/clock.py).
const OFFSET = 8 * 3600e3;
const two = (n) => String(n).padStart(2, "0");
const local = (t) => new Date(t + OFFSET);

export const clock = (t) => (t ? `${two(local(t).getUTCHours())}:${two(local(t).getUTCMinutes())}` : "");
export const clockS = (t) => (t ? `${clock(t)}:${two(local(t).getUTCSeconds())}` : "");
export const day = (t) =>
  t ? `${local(t).getUTCFullYear()}-${two(local(t).getUTCMonth() + 1)}-${two(local(t).getUTCDate())}` : "";
export const shortDay = (t) => `${two(local(t).getUTCMonth() + 1)}-${two(local(t).getUTCDate())}`;
export const sameDay = (a, b) => day(a) === day(b);
// Time of day, with the date where it is another day than now.
export const when = (t, now) => (t ? (sameDay(t, now) ? clock(t) : `${shortDay(t)} ${clock(t)}`) : "");

export function span(ms, w) {
  const s = Math.floor(Math.abs(ms) / 1000);
  const unit = (n, name) => `${n} ${w("unit." + name)}`;
  if (s < 60) return unit(s, "s");
  const m = Math.floor(s / 60);
  if (m < 60) return unit(m, "min");
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 && h < 10 ? `${unit(h, "h")} ${unit(m % 60, "min")}` : unit(h, "h");
  return h % 24 ? `${unit(Math.floor(h / 24), "d")} ${unit(h % 24, "h")}` : unit(Math.floor(h / 24), "d");
}

export const number = (value, decimals = 0) =>
  value === undefined || value === null
    ? "–"
    : value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

// A deadline against now: {text, over, soon}.
export function clockTo(deadline, now, w) {
  if (!deadline) return null;
  const left = deadline - now;
  const text = w(left < 0 ? "incident.over" : "incident.left", { span: span(left, w) });
  return { text, over: left < 0, soon: left >= 0 && left < 10 * 60e3 };
}
