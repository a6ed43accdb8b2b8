// The panels as the server last said them: a JSON merge patch (RFC 7396) changes them.
import { reactive, markRaw } from "vue";

// Large things that the map draws itself; a number says when they have changed.
const DRAWN = ["map", "devices", "curves"];

const plain = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function apply(target, patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (plain(value)) target[key] = apply(plain(target[key]) ? target[key] : {}, value);
    else target[key] = value;
  }
  return target;
}

export function merge(state, patch) {
  for (const [panel, change] of Object.entries(patch)) {
    if (DRAWN.includes(panel)) {
      apply(state[panel], change);
      state.turn[panel] += 1;
    } else {
      apply(state[panel], change);
    }
  }
}

export function newState(first) {
  const empty = { head: {}, vitals: {}, ticker: {}, cases: {}, lines: {}, words: {}, list: {}, matter: {} };
  const state = { ...empty, loop: {}, seat: {}, told: {}, turn: {} };
  for (const panel of DRAWN) {
    state[panel] = markRaw({});
    state.turn[panel] = 0;
  }
  for (const [panel, value] of Object.entries(first)) apply(state[panel], value);
  return reactive(state);
}

// words("section.key", {n: 3}) -> text; what fills a word in is text, never markup. Where n is one, "key_one" is taken.
export function speaker(words) {
  return (key, given = {}) =>
    ((String(given.n) === "1" ? words[key + "_one"] : undefined) ?? words[key] ?? key.split(".").pop()).replace(/\{(\w+)\}/g, (whole, name) => given[name] ?? whole);
}

// The address bar says what is looked at, so that it can be sent to somebody else.
export function deepLink(seat) {
  const url = new URL(window.location);
  const set = (name, value) => (value ? url.searchParams.set(name, value) : url.searchParams.delete(name));
  set("incident", seat.incident);
  set("lang", seat.lang === "zh" ? "" : seat.lang);
  if (url.href !== window.location.href) history.replaceState(null, "", url);
  document.documentElement.lang = seat.lang === "zh" ? "zh-CN" : "en";
}
