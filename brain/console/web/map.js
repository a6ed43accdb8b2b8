// The map: ground without tiles, devices as heat far out and points near, the incident, crews on their way.
import { markRaw } from "vue";
import { clock } from "./form.js";
import { Ground } from "./ground.js";
import { Devices } from "./devices.js";
import { Scene } from "./scene.js";

const LAYERS = ["names", "mains", "places", "devices", "crews", "cases"];
const KEY = "citybrain-layers";

function loadStyle(url) {
  return new Promise((resolve) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: url, onload: resolve, onerror: resolve });
    document.head.append(link);
  });
}

export default {
  props: { s: Object, w: Function, land: String, theme: String, resources: String, hub: String },
  emits: ["say"],
  template: `
  <section class="cb-map cb-panel">
    <div ref="box" class="box" :aria-label="s.head.city"></div>
    <p v-if="!ready" class="cb-empty over">{{ w('lost.loading') }}</p>
    <details class="cb-layers"><summary>{{ w('panel.layers') }}</summary>
      <label v-for="name in all" :key="name"><input type="checkbox" v-model="on[name]" @change="keep" />{{ w('map.' + (name === 'devices' ? 'coverage' : name)) }}</label>
      <template v-if="on.devices"><label v-for="(kind, name) in kinds" :key="name" class="kind">
        <input type="checkbox" :checked="!off[name]" @change="off[name] = !$event.target.checked; keep()" />{{ kind.name }}
        <span>{{ (kind.online + kind.silent + kind.dead).toLocaleString('en-US') }}</span></label></template>
    </details>
    <div class="cb-home"><button @click="home" :title="w('map.whole')">{{ w('map.whole') }}</button>
      <span class="north">{{ w('map.north') }}<svg viewBox="0 0 10 14"><path d="M5 0 9 13 5 10 1 13z" /></svg></span></div>
    <details class="cb-legend" :open="legend" @toggle="legend = $event.target.open"><summary>{{ w('panel.legend') }}</summary><ul>
      <template v-if="s.matter.id">
        <li v-if="s.matter.communities"><i class="area"></i>{{ w('map.area') }}</li>
        <li v-if="s.matter.candidates"><i class="likely"></i>{{ w('map.candidate') }}</li>
        <li v-if="s.matter.confirmed"><i class="valve shut"></i>{{ w('map.closed_valve') }}</li>
        <li v-if="s.matter.confirmed && !s.matter.closed"><i class="valve"></i>{{ w('map.to_close') }}</li>
        <li><i class="logger"></i>{{ w('map.evidence') }}</li>
        <li v-if="on.crews"><i class="crew"></i>{{ w('map.crew') }}</li>
      </template>
      <li v-if="on.mains"><i class="main"></i>{{ w('map.mains') }}</li>
      <li v-if="on.places"><i class="plant"></i>{{ w('map.plant') }}</li>
      <li v-if="on.places"><i class="hospital"></i>{{ w('map.hospital') }}</li>
      <li v-if="on.crews && !s.matter.id"><i class="crew free"></i>{{ w('map.crews') }}</li>
      <li v-if="on.devices"><i class="device"></i>{{ w('map.device') }}</li>
      <li v-if="on.devices"><i class="fault"></i>{{ w('map.device_fault') }}</li>
    </ul></details>
  </section>`,
  data() {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { ready: false, legend: window.innerWidth >= 1500, all: LAYERS, kinds: {}, off: kept.off ?? {}, on: Object.fromEntries(LAYERS.map((name) => [name, kept[name] ?? true])) };
  },
  computed: {
    look() {
      return [this.s.seat.lang, this.theme].join();
    },
  },
  watch: {
    "s.turn.map"() {
      this.draw();
    },
    "s.turn.devices"() {
      this.count();
    },
    "s.seat.incident"() {
      this.draw();
      this.fit();
    },
    "s.matter.confirmed"(now, before) {
      if (now && !before) this.fit();
    },
    look() {
      this.$nextTick(this.redraw);
    },
  },
  methods: {
    async open() {
      const [{ leaflet: L }, ground] = await Promise.all([
        import("nicegui-leaflet"),
        fetch(this.land).then((answer) => answer.json()),
        loadStyle(`${window.path_prefix ?? ""}${this.resources}/leaflet/leaflet.css`),
      ]);
      if (this.gone) return;
      const map = L.map(this.$refs.box, { zoomControl: false, attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, maxZoom: 19, minZoom: 7, preferCanvas: false, keyboard: false });
      L.control.scale({ imperial: false, maxWidth: 7 * parseFloat(getComputedStyle(document.documentElement).fontSize), position: "bottomright" }).addTo(map);
      L.control.zoom({ position: "bottomright" }).addTo(map);
      this.map = markRaw(map);
      this.ground = markRaw(new Ground(L, map, ground));
      this.devices = markRaw(new Devices(L, map, this.hub));
      this.scene = markRaw(new Scene(L, map, ground, (id) => this.$emit("say", { what: "select", incident: id })));
      map.on("moveend", () => this.clear());
      this.home();
      this.watcher = new ResizeObserver(() => map.invalidateSize({ pan: false }));
      this.watcher.observe(this.$refs.box);
      this.ready = true;
      this.redraw();
      if (this.s.seat.incident) this.fit();
    },
    redraw() {
      if (!this.ready) return;
      this.ground.draw({ w: this.w, lang: this.s.seat.lang, on: this.on, css: getComputedStyle(this.$el) });
      this.count();
      this.draw();
    },
    count() {
      this.kinds = Object.fromEntries(Object.entries(this.s.devices).map(([name, { cells, ...kind }]) => [name, kind]));
      if (this.ready) this.devices.draw({ kinds: this.s.devices, off: this.off, on: this.on.devices, w: this.w, css: getComputedStyle(this.$el) });
    },
    draw() {
      if (!this.ready) return;
      this.scene.draw({ map: this.s.map, w: this.w, lang: this.s.seat.lang, on: this.on, clock, css: getComputedStyle(this.$el) });
      this.clear();
    },
    // Labels of crews make room for each other, and names of places for them.
    clear() {
      this.scene.label();
      this.ground.avoid(this.scene.boxes);
    },
    keep() {
      localStorage.setItem(KEY, JSON.stringify({ ...this.on, off: this.off }));
      this.redraw();
    },
    home() {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      this.map.fitBounds(this.ground.view, { paddingTopLeft: [rem, 2.8 * rem], paddingBottomRight: [3.4 * rem, 2.8 * rem], animate: false });
    },
    fit() {
      if (!this.ready) return;
      this.$nextTick(() => {
        this.map.invalidateSize({ pan: false });
        const bounds = this.scene.bounds(this.s.map);
        if (bounds) this.map.fitBounds(bounds, { padding: [48, 48], maxZoom: Object.keys(this.s.map.chosen.area).length ? 15 : 14, animate: false });
        else if (!this.s.seat.incident) this.home();
      });
    },
    go(place) {
      if (this.ready && place) this.map.setView(place, Math.max(this.map.getZoom(), 15), { animate: false });
    },
  },
  mounted() {
    this.open();
  },
  beforeUnmount() {
    this.gone = true;
    this.watcher?.disconnect();
    this.map?.remove();
  },
};
