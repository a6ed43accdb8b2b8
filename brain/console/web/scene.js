// What happens on the map: incidents, the area cut off, valves, likely pipes, loggers, crews and their ways, cases.
import { boxOf, grouped, meet, moved, noteOf, sharedName } from "./labels.js";
import { shape } from "./marks.js";

const LEVEL = ["--iv", "--i", "--ii", "--iii", "--iv"];
// Crews so near to the incident belong into its picture [m].
const NEAR_M = 3000;
const WAY = ["accepted", "en_route"];

const text = (words) => Object.assign(document.createElement("span"), { textContent: words });

function levelIcon(level) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("class", `cb-level l${level}`);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", shape(level));
  svg.append(path);
  return svg;
}

export class Scene {
  constructor(L, map, land, select) {
    Object.assign(this, { L, map, land, select, crews: new Map() });
    for (const [name, z] of [["area", 230], ["likely", 320], ["ways", 330], ["valves", 420], ["crews", 430], ["incident", 440]])
      map.createPane(name).style.zIndex = z;
    map.getPane("area").style.pointerEvents = "none";
    map.getPane("ways").style.pointerEvents = "none";
    this.group = L.layerGroup().addTo(map);
    this.ways = L.layerGroup().addTo(map);
    map.on("zoomend", () => this.look && this.move(this.look.on.crews ? this.look.map.crews ?? {} : {}));
    this.boxes = [];
    this.pipes = new Map(land.mains.map((main) => [main[5], main]));
  }

  draw(look) {
    this.look = look;
    this.color = (name) => look.css.getPropertyValue(name).trim();
    this.k = parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;
    this.group.clearLayers();
    const { map: scene } = look;
    if (scene.chosen) this.chosen(scene.chosen);
    if (look.on.cases) for (const [id, at] of Object.entries(scene.cases ?? {})) this.mark(at, "cb-case", "valves", id);
    for (const [id, each] of Object.entries(scene.incidents ?? {})) this.incident(id, each);
    this.move(look.on.crews ? scene.crews ?? {} : {});
  }

  chosen(it) {
    const { L, land } = this, color = this.color(LEVEL[it.level]);
    for (const [code, people] of Object.entries(it.area ?? {})) {
      const rings = land.communities[code]?.rings;
      if (rings?.length) L.polygon(rings, { pane: "area", color, weight: 1.6 * this.k, fillColor: color, fillOpacity: 0.2, dashArray: `${6 * this.k} ${4 * this.k}` }).addTo(this.group);
    }
    const most = Math.max(...(it.candidates ?? []).map((c) => c[3]), 0.01);
    for (const [lat, lon, code, weight] of it.candidates ?? []) {
      const main = this.pipes.get(code), words = `${this.look.w("map.candidate")} ${code}`;
      const line = main ? L.polyline([[main[0], main[1]], [main[2], main[3]]], { pane: "likely", color: this.color("--iv"), weight: this.k * (3 + (3 * weight) / most), opacity: 0.5 + (0.4 * weight) / most }) : L.circleMarker([lat, lon], { pane: "likely", radius: 6, color: this.color("--iv"), weight: 2, fillOpacity: 0.2 });
      line.bindTooltip(text(words), { className: "cb-tip", sticky: true }).addTo(this.group);
    }
    for (const spot of it.to_close ?? []) this.valve(spot, "open", "map.to_close");
    for (const spot of it.closed ?? []) this.valve(spot, "shut", "map.closed_valve");
    for (const each of Object.values(it.evidence ?? {})) this.mark(each.at, "cb-logger", "valves", each.name);
  }

  valve([lat, lon, code], kind, word) {
    this.mark([lat, lon], `cb-valve ${kind}`, "valves", `${this.look.w(word)} ${code}`);
  }

  mark(at, kind, pane, words) {
    const icon = this.L.divIcon({ className: kind, iconSize: null, html: document.createElement("i") });
    return this.L.marker(at, { pane, icon, keyboard: false }).bindTooltip(text(words), { className: "cb-tip", direction: "top" }).addTo(this.group);
  }

  incident(id, each) {
    const box = document.createElement("div"), chosen = this.look.map.chosen?.id === id;
    box.className = `in${chosen ? " chosen" : ""}${this.pulsed !== id + each.level ? " pulse" : ""}`;
    if (chosen) this.pulsed = id + each.level;
    box.append(levelIcon(each.level), text(each.name));
    const icon = this.L.divIcon({ className: "cb-incident", iconSize: null, html: box });
    this.L.marker(each.at, { pane: "incident", icon, keyboard: false, title: each.name }).on("click", () => this.select(id)).addTo(this.group);
  }

  // Crews keep their marker, so that it moves instead of jumping.
  move(crews) {
    this.ways.clearLayers();
    for (const [code, marker] of this.crews)
      if (!crews[code]) {
        marker.remove();
        this.crews.delete(code);
      }
    for (const [code, crew] of Object.entries(crews)) {
      const marker = this.crews.get(code) ?? this.newCrew(code, crew);
      const look = [crew.busy, crew.silent, crew.stage, crew.task, crew.eta, crew.name].join();
      if (marker.look !== look) this.dress(marker, crew, look);
      if (marker.getLatLng().lat !== crew.at[0] || marker.getLatLng().lng !== crew.at[1]) marker.setLatLng(crew.at);
      if (crew.to && WAY.includes(crew.stage))
        this.L.polyline([crew.at, crew.to], { pane: "ways", color: this.color("--text"), weight: 1.4 * this.k, opacity: 0.75, dashArray: `${2 * this.k} ${5 * this.k}`, interactive: false }).addTo(this.ways);
    }
  }

  // Labels of crews that would overlap become one; it stands below what is there already.
  label() {
    this.boxes = [];
    if (!this.look) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const each of Object.values(this.look.map.incidents ?? {})) this.boxes.push(boxOf(this.map, each.at, each.name, rem, 1.1));
    const crews = this.look.on.crews ? this.look.map.crews ?? {} : {};
    const busy = Object.entries(crews).filter(([code, crew]) => crew.busy && !crew.silent && this.crews.has(code));
    for (const group of grouped(this.map, busy, rem)) this.place(group, rem);
  }

  place(group, rem) {
    const [[, first]] = group, { w } = this.look;
    const note = group.length > 1 ? `×${group.length}` : noteOf(first, this.look);
    const name = group.length > 1 ? sharedName(group.map(([, crew]) => crew), w) : first.name;
    let box, row = 0;
    do box = moved(boxOf(this.map, first.at, `${name} ${note}`, rem, 0.9), row * 1.35 * rem);
    while (this.boxes.some((one) => meet(one, box)) && ++row < 6);
    this.boxes.push(box);
    group.forEach(([code], i) => {
      const inner = this.crews.get(code).getElement()?.firstElementChild, spans = inner?.querySelectorAll("span") ?? [];
      if (spans.length < 2) return;
      inner.classList.toggle("merged", i > 0);
      inner.classList.toggle("under", !i && row > 0);
      inner.style.setProperty("--row", i ? 0 : row);
      if (!i) [spans[0].textContent, spans[1].textContent] = [name, note];
    });
  }

  newCrew(code, crew) {
    const marker = this.L.marker(crew.at, { pane: "crews", icon: this.L.divIcon({ className: "cb-crew", iconSize: null }), keyboard: false });
    marker.bindTooltip(text(""), { className: "cb-tip", direction: "top" }).addTo(this.map);
    this.crews.set(code, marker);
    return marker;
  }

  dress(marker, crew, look) {
    const { w } = this.look, box = document.createElement("div");
    box.append(document.createElement("i"));
    const state = crew.silent ? w("crew.silent") : crew.busy ? w("crew." + crew.stage) : w("crew.free");
    if (crew.busy) {
      box.append(text(crew.name), Object.assign(text(noteOf(crew, this.look)), { className: "note" }));
    }
    box.className = `in ${crew.silent ? "silent" : crew.busy ? "busy" : "free"}`;
    marker.setIcon(this.L.divIcon({ className: "cb-crew", iconSize: null, html: box }));
    marker.setZIndexOffset(crew.busy ? 500 : 0);
    marker.setTooltipContent(text([crew.name, crew.department, crew.task, state].filter(Boolean).join(" · ")));
    marker.look = look;
  }

  // Where the selected incident and all that belongs to it lies.
  bounds(scene) {
    const it = scene.chosen;
    if (!it) return null;
    const points = [];
    for (const code of Object.keys(it.area ?? {})) for (const ring of this.land.communities[code]?.rings ?? []) points.push(...ring);
    for (const spot of [...(it.candidates ?? []), ...(it.to_close ?? []), ...(it.closed ?? [])]) points.push([spot[0], spot[1]]);
    const here = scene.incidents?.[it.id]?.at;
    if (here) points.push(here);
    for (const crew of Object.values(scene.crews ?? {})) if (crew.event === it.id && here && this.map.distance(crew.at, here) < NEAR_M) points.push(crew.at);
    return points.length ? this.L.latLngBounds(points) : null;
  }
}
