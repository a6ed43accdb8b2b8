// The city's vital signs with their band of normal and trend, and the two curves.
import { number } from "./form.js";

export default {
  props: { s: Object, w: Function, theme: String },
  emits: ["say"],
  template: `
  <section class="cb-left">
    <div class="cb-panel cb-vitals">
      <h2>{{ w('panel.vitals') }}</h2>
      <p v-if="!keys.length" class="cb-empty">{{ w('empty.vitals') }}</p>
      <div v-for="key in keys" :key="key" class="cb-vital" :class="{ out: s.vitals[key].outside }">
        <b class="name">{{ s.vitals[key].name }}</b><span class="band" :title="[band(s.vitals[key]), s.vitals[key].points].filter(Boolean).join(' · ')">{{ band(s.vitals[key]) }}</span>
        <cb-spark :trend="s.vitals[key].trend" :low="s.vitals[key].low" :high="s.vitals[key].high" :out="s.vitals[key].outside" />
        <div class="value"><b>{{ number(s.vitals[key].value, s.vitals[key].decimals) }}</b><i v-if="s.vitals[key].value !== undefined">{{ s.vitals[key].unit }}</i>
          <span class="way" :title="way(s.vitals[key])[1]">{{ way(s.vitals[key])[0] }}</span></div>
        <div class="mark"><template v-if="s.vitals[key].outside"><cb-level :level="3" />{{ w('sign.outside') }}</template></div>
      </div>
    </div>
    <div class="cb-panel cb-curves">
      <cb-chart v-for="name in ['pressure_pa', 'flow_m3_s']" :key="name" :name="name" :s="s" :w="w" :theme="theme"
        @say="$emit('say', $event)" />
    </div>
  </section>`,
  computed: {
    keys() {
      return Object.keys(this.s.vitals);
    },
  },
  methods: {
    number,
    band(sign) {
      const low = number(sign.low, sign.decimals), high = number(sign.high, sign.decimals);
      if (sign.value === undefined) return this.w("sign.none");
      const normal = this.w("sign.normal");
      const text =
        sign.low === undefined && sign.high === undefined ? ""
        : sign.low === undefined ? `${normal} ≤ ${high}`
        : sign.high === undefined ? `${normal} ≥ ${low}`
        : `${normal} ${low}–${high}`;
      return [text, sign.n].filter(Boolean).join(" · ");
    },
    // Where the value is going: against the mean of the last values.
    way(sign) {
      const trend = (sign.trend ?? []).slice(-6);
      if (trend.length < 2 || sign.value === undefined) return ["", ""];
      const before = trend.slice(0, -1).reduce((sum, v) => sum + v, 0) / (trend.length - 1);
      const least = Math.max(Math.abs(before) * 0.005, 0.5 * 10 ** -sign.decimals);
      if (sign.value > before + least) return ["↑", this.w("sign.rising")];
      if (sign.value < before - least) return ["↓", this.w("sign.falling")];
      return ["→", this.w("sign.steady")];
    },
  },
};
