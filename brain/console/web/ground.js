// The ground of the map: outlines, trunk mains, landmarks, and names that never overlap.

// Zoom from which each level of division has its outline and its names.
const OUTLINE = { streets: 10.5, communities: 13.5 };
const NAMES = { districts: [0, 11.5], streets: [11.5, 15], communities: [14, 99] };
const TAILS = [/社区居民委员会$/, /居民委员会$/, /村民委员会$/, /街道$/, / Community$/, / Subdistrict$/, / District$/];

const label = (text, kind) => Object.assign(document.createElement("span"), { textContent: text, className: kind });
export const shortName = (name) => TAILS.reduce((text, tail) => text.replace(tail, ""), name) || name;

export class Ground {
  constructor(L, map, land) {
    Object.assign(this, { L, map, land });
    for (const [name, z] of [["land", 200], ["lines", 210], ["mains", 220], ["marks", 380], ["names", 390]]) {
      map.createPane(name).style.zIndex = z;
      if (name !== "marks") map.getPane(name).style.pointerEvents = "none";
    }
    this.mainsInk = L.canvas({ pane: "mains", padding: 0.3 });
    this.linesInk = L.canvas({ pane: "lines", padding: 0.3 });
    this.fixed = L.layerGroup().addTo(map);
    this.outlines = L.layerGroup().addTo(map);
    this.names = L.layerGroup().addTo(map);
    map.on("moveend", () => this.near());
  }

  get view() {
    return this.land.view ?? this.land.outline;
  }

  draw(look) {
    this.look = look;
    const { L, land } = this, ink = (name) => look.css.getPropertyValue(name).trim();
    this.ink = ink;
    this.k = parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;
    this.fixed.clearLayers();
    for (const ring of land.outline)
      L.polygon(ring, { pane: "land", stroke: true, color: ink("--shore"), weight: this.k, fillColor: ink("--land"), fillOpacity: 1, interactive: false }).addTo(this.fixed);
    for (const each of land.districts)
      L.polygon(each.rings, { pane: "lines", renderer: this.linesInk, color: ink("--border"), weight: 1.6 * this.k, fill: false, interactive: false }).addTo(this.fixed);
    if (look.on.mains)
      for (const [a, b, c, d, mm] of land.mains)
        L.polyline([[a, b], [c, d]], { pane: "mains", renderer: this.mainsInk, color: ink("--main"), weight: this.k * (mm >= 800 ? 2.4 : mm >= 500 ? 1.7 : 1.1), opacity: 0.85, interactive: false }).addTo(this.fixed);
    if (look.on.places) {
      for (const each of land.plants) this.landmark(each, "plant");
      for (const each of land.hospitals) this.landmark(each, "hospital");
    }
    this.near();
  }

  landmark(each, kind) {
    const { L, look } = this;
    const icon = L.divIcon({ className: `cb-mark ${kind}`, iconSize: null, html: "<i></i>" });
    const words = `${look.w("map." + kind)} · ${each[look.lang] ?? each.zh}`;
    L.marker(each.at, { pane: "marks", icon, keyboard: false }).bindTooltip(label(words, ""), { direction: "top", className: "cb-tip" }).addTo(this.fixed);
  }

  // Outlines and names that this zoom has room for.
  near() {
    if (!this.look) return;
    const { L, map, land, look } = this, zoom = map.getZoom(), seen = map.getBounds().pad(0.1);
    this.outlines.clearLayers();
    this.names.clearLayers();
    const levels = { districts: land.districts, streets: land.streets, communities: Object.values(land.communities) };
    for (const [level, from] of Object.entries(OUTLINE)) {
      if (zoom < from) continue;
      for (const each of levels[level])
        if (seen.contains(each.at) || (each.rings.length && seen.intersects(each.rings[0])))
          L.polygon(each.rings, { pane: "lines", renderer: this.linesInk, color: this.ink("--border"), weight: this.k * (level === "streets" ? 1 : 0.6), opacity: 0.8, fill: false, interactive: false }).addTo(this.outlines);
    }
    if (look.on.names) this.name(levels, zoom, seen);
  }

  name(levels, zoom, seen) {
    this.named = [];
    const taken = [], rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const [level, [from, to]] of Object.entries(NAMES)) {
      if (zoom < from || zoom >= to) continue;
      for (const each of levels[level]) {
        if (!seen.contains(each.at)) continue;
        const text = shortName(each[this.look.lang] ?? each.zh);
        const wide = [...text].reduce((sum, c) => sum + (c > "\u2e80" ? 1 : 0.56), 0) * rem * (level === "districts" ? 1.1 : 0.9) + rem * 0.6;
        const at = this.map.latLngToContainerPoint(each.at);
        const box = [at.x - wide / 2, at.y - rem * 0.8, at.x + wide / 2, at.y + rem * 0.8];
        if (taken.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1])) continue;
        taken.push(box);
        const icon = this.L.divIcon({ className: `cb-name ${level}`, iconSize: null, html: label(text, "") });
        const marker = this.L.marker(each.at, { pane: "names", icon, interactive: false, keyboard: false }).addTo(this.names);
        this.named.push([box, marker]);
      }
    }
  }

  // Names of places give way to the boxes of what happens there.
  avoid(boxes) {
    if (!this.look?.on.names) return;
    for (const [box, marker] of this.named ?? []) {
      const hidden = boxes.some((b) => box[0] < b[2] && box[2] > b[0] && box[1] < b[3] && box[3] > b[1]);
      marker.getElement()?.style.setProperty("visibility", hidden ? "hidden" : "");
    }
  }
}
