// Labels on the map that never overlap: crews whose labels would meet share one ("tanker ×6").
const GAP = 0.35;

// Where a label stands, to the right of its mark: [left, top, right, bottom] in pixels of the map.
export function boxOf(map, at, words, rem, size) {
  const point = map.latLngToContainerPoint(at);
  const wide = [...words].reduce((sum, c) => sum + (c > "\u2e80" ? 1 : 0.56), 0) * rem * size + 1.8 * rem;
  return [point.x - GAP * rem, point.y - 0.65 * rem, point.x + wide, point.y + 0.65 * rem];
}

export const moved = (box, by) => [box[0], box[1] + by, box[2], box[3] + by];
export const meet = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];

// What is said beside a crew's name: when it arrives, or how far it is.
export const noteOf = (crew, { w, clock }) => (crew.eta ? w("crew.eta", { at: clock(crew.eta) }) : crew.word);

// Crews in groups whose labels would meet that of the group's first.
export function grouped(map, crews, rem) {
  const groups = [];
  for (const [code, crew] of crews) {
    const box = boxOf(map, crew.at, `${crew.name} ${crew.word}`, rem, 0.9);
    const near = groups.find((group) => meet(group.box, box));
    if (near) near.push([code, crew]);
    else groups.push(Object.assign([[code, crew]], { box }));
  }
  return groups;
}

// What several crews have in common: their name without its number, else their task, else that they are crews.
export function sharedName(crews, w) {
  const same = (of) => (new Set(crews.map(of)).size === 1 ? of(crews[0]) : "");
  return same((crew) => crew.name.replace(/\s*\d+\s*[号组队]?$/, "").replace(/[一二三四五六七八九十]+[号组队]$/, "")) || same((crew) => crew.task) || w("map.crew");
}
