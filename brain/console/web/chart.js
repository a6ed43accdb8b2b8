// One curve over time: axis with unit, normal band shaded, least service drawn, the event marked.
import { clock, number, shortDay, when } from "./form.js";

let echarts = null;

const flat = (byHour) =>
  Object.keys(byHour ?? {}).map(Number).sort((a, b) => a - b).flatMap((hour) => byHour[hour]);

export default {
  props: { name: String, s: Object, w: Function, theme: String },
  emits: ["say"],
  template: `
  <figure class="cb-chart">
    <figcaption><b>{{ title }}</b>
      <span v-if="trace && trace.of > 1"><button @click="step(-1)" :aria-label="w('curve.previous')" :title="w('curve.previous')">‹</button>
        {{ trace.at }}/{{ trace.of }}<button @click="step(1)" :aria-label="w('curve.next')" :title="w('curve.next')">›</button></span>
    </figcaption>
    <div ref="box" class="box" v-show="trace"></div>
    <p v-if="!trace" class="cb-empty">{{ w('empty.curve') }}</p>
  </figure>`,
  data: () => ({ trace: null }),
  computed: {
    title() {
      return this.trace?.name ?? this.w("curve." + this.name);
    },
    key() {
      return [this.s.turn.curves, this.theme, this.s.seat.lang].join();
    },
  },
  watch: {
    key() {
      this.read();
    },
  },
  methods: {
    step(by) {
      this.$emit("say", { what: "curve", property: this.name, step: by });
    },
    read() {
      const trace = this.s.curves[this.name];
      this.trace = trace ? { ...trace } : null;
      this.$nextTick(this.draw);
    },
    // The band of normal; where it rests on one day only it is a wide guess and drawn lighter, between dotted edges.
    shade(band, guessed, ink) {
      const stack = guessed ? "guessed" : "learned";
      const part = band.map((b, i) => [b, !!b[3] === guessed || (guessed && !!(band[i - 1]?.[3] || band[i + 1]?.[3]))]);
      const line = { type: "line", stack, symbol: "none", silent: true, lineStyle: guessed ? { color: ink, opacity: 0.6, width: 1, type: "dotted" } : { opacity: 0 } };
      return [
        { ...line, data: part.map(([b, on]) => [b[0], on ? b[1] : "-"]) },
        { ...line, data: part.map(([b, on]) => [b[0], on ? b[2] - b[1] : "-"]), areaStyle: { color: ink, opacity: guessed ? 0.08 : 0.22 } },
      ];
    },
    tip(at, band, now) {
      const { unit, decimals } = this.trace, p = at.find((one) => one.seriesId === "value");
      if (!p) return "";
      const b = band.filter((one) => one[0] <= p.value[0]).pop();
      const normal = b ? `<br>${this.w(b[3] ? "curve.band_guessed" : "curve.band")} ${number(b[1], decimals)}–${number(b[2], decimals)}` : "";
      return `${when(p.value[0], now)}  ${number(p.value[1], decimals)} ${unit}${normal}`;
    },
    async draw() {
      if (!this.trace || this.gone) return;
      if (!echarts) echarts = (await import("nicegui-echart")).echarts;
      if (!this.$refs.box || this.gone) return;
      if (!this.chart) {
        this.chart = echarts.init(this.$refs.box, null, { renderer: "canvas" });
        this.watcher = new ResizeObserver(() => {
          this.chart.resize();
          this.draw();
        });
        this.watcher.observe(this.$refs.box);
      }
      this.chart.setOption(this.option(), { notMerge: true, lazyUpdate: true });
    },
    option() {
      const css = getComputedStyle(this.$el), rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const color = (name) => css.getPropertyValue(name).trim();
      const { unit, decimals, limit, marks } = this.trace;
      const points = flat(this.trace.points), band = flat(this.trace.band);
      const size = Math.round(0.8 * rem), now = this.s.head.t;
      const font = { color: color("--second"), fontSize: size, fontFamily: css.fontFamily };
      const span = this.$el.clientWidth < 26 * rem ? 12 : 24;
      const from = Math.max(points.length ? points[0][0] : 0, now - span * 3600e3);
      const seen = points.filter(([t]) => t >= from), inside = band.filter(([t]) => t >= from);
      const values = [...seen.map((p) => p[1]), ...inside.flatMap((b) => [b[1], b[2]])];
      // Where nothing much happens, the axis does not make much of it: it spans a twentieth of the value at least.
      const least = Math.min(...values), most = Math.max(...values), lack = Math.max(0.05 * Math.abs(most) - (most - least), 0) / 2;
      const low = least - lack, high = most + lack, room = (high - low || 1) * 0.12;
      const drawn = limit !== undefined && limit > low - 6 * room ? limit : undefined;
      const lines = (marks ?? []).filter((m) => m.t >= from).map((m) => ({
        xAxis: m.t, lineStyle: { color: color("--text"), width: 0.1 * rem }, label: { ...font, color: color("--text"), formatter: m.word, position: "end", distance: 0.2 * rem, align: m.t - from < (now - from) / 6 ? "left" : now - m.t < (now - from) / 6 ? "right" : "center" },
      }));
      if (drawn !== undefined) lines.push({ yAxis: drawn, lineStyle: { color: color("--iii"), width: 0.08 * rem, type: "dashed" }, label: { ...font, formatter: `${this.w("curve.limit")} ${number(drawn)}`, position: "insideStartTop", distance: [0.3 * rem, 0.3 * rem], textBorderColor: color("--panel"), textBorderWidth: 0.2 * rem } });
      return {
        animation: false,
        grid: { left: 3.6 * rem, right: 0.7 * rem, top: 1.3 * rem, bottom: 1.5 * rem },
        tooltip: {
          trigger: "axis", backgroundColor: color("--panel"), borderColor: color("--line"), textStyle: { ...font, color: color("--text") },
          formatter: (at) => { return this.tip(at, inside, now); },
          axisPointer: { lineStyle: { color: color("--second") } },
        },
        xAxis: { type: "time", min: from, max: now, axisLabel: { ...font, hideOverlap: true, formatter: (t) => (clock(t) === "00:00" ? shortDay(t) : clock(t)) }, axisLine: { lineStyle: { color: color("--line") } }, axisTick: { show: false }, splitNumber: 4 },
        yAxis: { type: "value", name: unit, nameGap: 0.5 * rem, nameTextStyle: { ...font, align: "right" }, min: low >= 0 ? Math.max(Math.min(low, drawn ?? low) - room, 0) : low - room, max: high + room, splitNumber: 3, axisLabel: { ...font, showMinLabel: false, showMaxLabel: false, formatter: (v) => number(v, high - low < 8 ? decimals : 0) }, splitLine: { lineStyle: { color: color("--line"), opacity: 0.6 } } },
        series: [
          ...this.shade(inside, false, color("--normal")),
          ...this.shade(inside, true, color("--normal")),
          { id: "value", type: "line", data: seen, symbol: "none", lineStyle: { color: color("--text"), width: 0.11 * rem }, markLine: { symbol: "none", silent: true, data: lines } },
        ],
      };
    },
  },
  mounted() {
    this.read();
  },
  beforeUnmount() {
    this.gone = true;
    this.watcher?.disconnect();
    this.chart?.dispose();
  },
};
