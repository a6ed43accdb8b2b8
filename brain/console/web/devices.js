// Devices: a dot for each cell far out, a hollow ring for how many of them are silent; single devices near.
const NEAR = 15.5;
const MOST = 1000;

export class Devices {
  constructor(L, map, hub) {
    Object.assign(this, { L, map, hub, blind: !hub });
    map.createPane("devices").style.zIndex = 300;
    map.createPane("faults").style.zIndex = 310;
    this.ink = L.canvas({ pane: "devices", padding: 0.2 });
    this.layer = L.layerGroup().addTo(map);
    this.points = L.layerGroup().addTo(map);
    map.on("moveend", () => this.show());
  }

  draw(look) {
    this.look = look;
    this.show();
  }

  show() {
    if (!this.look) return;
    this.layer.clearLayers();
    this.points.clearLayers();
    this.asked = null;
    if (!this.look.on) return;
    if (this.map.getZoom() >= NEAR && !this.blind) this.ask();
    else this.cells();
  }

  cells() {
    const { L, look } = this, color = (name) => look.css.getPropertyValue(name).trim();
    const sums = new Map();
    for (const [name, kind] of Object.entries(look.kinds)) {
      if (look.off[name]) continue;
      for (const [key, [total, abnormal]] of Object.entries(kind.cells)) {
        const sum = sums.get(key) ?? [0, 0];
        sums.set(key, [sum[0] + total, sum[1] + abnormal]);
      }
    }
    const seen = this.map.getBounds().pad(0.2), zoom = this.map.getZoom();
    const grow = Math.min(Math.max(1 + (zoom - 11) * 0.35, 0.7), 2.2) * parseFloat(getComputedStyle(document.documentElement).fontSize) / 14;
    for (const [key, [total, abnormal]] of sums) {
      const at = key.split(",").map(Number);
      if (!seen.contains(at)) continue;
      L.circleMarker(at, { pane: "devices", renderer: this.ink, radius: grow * (1 + 0.9 * Math.log10(1 + total)), stroke: false, fillColor: color("--normal"), fillOpacity: 0.38, interactive: false }).addTo(this.layer);
      if (!abnormal) continue;
      const words = look.w("map.cell", { abnormal: abnormal.toLocaleString("en-US"), total: total.toLocaleString("en-US") });
      L.circleMarker(at, { pane: "devices", renderer: this.ink, radius: grow * (2.6 + 1.6 * Math.log10(1 + abnormal)), color: color("--second"), weight: 1.3, opacity: 0.85, fillOpacity: 0 })
        .bindTooltip(Object.assign(document.createElement("span"), { textContent: words }), { className: "cb-tip", direction: "top" })
        .addTo(this.layer);
    }
  }

  // Single devices in view, by the hub's own door; where that is shut, cells stay.
  async ask() {
    const center = this.map.getCenter(), radius = Math.ceil(center.distanceTo(this.map.getBounds().getNorthEast()));
    const url = `${window.path_prefix ?? ""}${this.hub}/devices?near=${center.lng.toFixed(5)},${center.lat.toFixed(5)},${radius}&limit=${MOST}`;
    this.asked = url;
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(answer.statusText);
      const page = await answer.json();
      if (this.asked === url) this.singles(page.devices);
    } catch {
      this.blind = true;
      if (this.asked === url) this.cells();
    }
  }

  singles(devices) {
    const { L, look } = this, color = (name) => look.css.getPropertyValue(name).trim();
    for (const each of devices) {
      if (look.off[each.kind]) continue;
      const well = each.state === "online";
      const style = well
        ? { stroke: false, fillColor: color("--normal"), fillOpacity: 0.9, radius: 2.6 }
        : { color: color("--second"), weight: 1.6, fillOpacity: 0, radius: 4 };
      const words = `${look.kinds[each.kind]?.name ?? each.kind} ${each.device} · ${look.w("map.state_" + each.state)}`;
      const text = Object.assign(document.createElement("span"), { textContent: words });
      L.circleMarker([each.lat, each.lon], { pane: "devices", renderer: this.ink, ...style })
        .bindTooltip(text, { className: "cb-tip", direction: "top" })
        .addTo(this.points);
    }
  }
}
