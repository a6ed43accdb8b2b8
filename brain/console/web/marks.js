// How bad something is: always a colour, a shape and a word. And the small trend beside a value.
const SHAPES = {
  1: "M1.5 1.5h9v9h-9z",
  2: "M6 .6 11.4 6 6 11.4.6 6z",
  3: "M6 1 11.5 10.8H.5z",
  4: "M6 1.2a4.8 4.8 0 1 1 0 9.6a4.8 4.8 0 1 1 0-9.6z",
};
export const shape = (level) => SHAPES[level] ?? SHAPES[4];

export const Level = {
  props: { level: Number },
  template: `<svg class="cb-level" :class="'l' + (level ?? 0)" viewBox="0 0 12 12" aria-hidden="true">
    <path :d="d" /></svg>`,
  computed: {
    d() {
      return shape(this.level);
    },
  },
};

export const Spark = {
  props: { trend: Array, low: Number, high: Number, out: Boolean },
  template: `<svg class="cb-spark" viewBox="0 0 100 28" preserveAspectRatio="none" aria-hidden="true">
    <rect v-if="band" x="0" width="100" :y="band[0]" :height="band[1]" class="normal" />
    <polyline v-if="line" :points="line" :class="{ out }" vector-effect="non-scaling-stroke" /></svg>`,
  computed: {
    scale() {
      const edges = [this.low, this.high].filter((v) => v !== undefined);
      const values = [...(this.trend ?? []), ...edges];
      const low = Math.min(...values), high = Math.max(...values);
      const room = (high - low || Math.abs(high) || 1) * 0.08;
      return (v) => 27 - (26 * (v - low + room)) / (high - low + 2 * room || 1);
    },
    line() {
      const n = this.trend?.length ?? 0;
      return n > 1 ? this.trend.map((v, i) => `${((100 * i) / (n - 1)).toFixed(1)},${this.scale(v).toFixed(1)}`).join(" ") : "";
    },
    band() {
      if (!this.trend?.length || (this.low === undefined && this.high === undefined)) return null;
      const top = this.high === undefined ? 0 : this.scale(this.high);
      const foot = this.low === undefined ? 28 : this.scale(this.low);
      return [top, Math.max(foot - top, 0.5)];
    },
  },
};
