// A day of one property: least, mean and most of every five minutes.
let echarts = null;

export default {
  props: { steps: Array, unit: String, theme: String, empty: String },
  template: `<figure class="cb-series"><div ref="box" class="box" v-show="steps.length"></div>
    <p v-if="!steps.length" class="cb-empty">{{ empty }}</p></figure>`,
  watch: {
    steps() {
      this.draw();
    },
    theme() {
      this.$nextTick(() => this.draw());
    },
  },
  methods: {
    async draw() {
      if (!this.steps.length || this.gone) return;
      if (!echarts) echarts = (await import("nicegui-echart")).echarts;
      if (!this.$refs.box || this.gone) return;
      if (!this.chart) {
        this.chart = echarts.init(this.$refs.box, null, { renderer: "canvas" });
        this.watcher = new ResizeObserver(() => this.chart.resize());
        this.watcher.observe(this.$refs.box);
      }
      this.chart.setOption(this.option(), { notMerge: true, lazyUpdate: true });
    },
    option() {
      const css = getComputedStyle(this.$el), rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const color = (name) => css.getPropertyValue(name).trim();
      const font = { color: color("--second"), fontSize: Math.round(0.8 * rem), fontFamily: css.fontFamily };
      const local = (t) => new Date(t + 8 * 3600e3).toISOString();
      const at = (name) => this.steps.map((step) => [Date.parse(step.time), step[name]]);
      const width = this.steps.map((step) => [Date.parse(step.time), step.max - step.min]);
      const line = { type: "line", symbol: "none", lineStyle: { width: 0 }, silent: true };
      return {
        animation: false,
        grid: { left: 5 * rem, right: rem, top: 1.8 * rem, bottom: 1.8 * rem },
        tooltip: {
          trigger: "axis", backgroundColor: color("--panel"), borderColor: color("--line"), textStyle: { ...font, color: color("--text") },
          formatter: ([one]) => `${local(one.value[0]).slice(11, 16)}  ${this.steps[one.dataIndex].min} – ${this.steps[one.dataIndex].max} ${this.unit}`,
        },
        xAxis: { type: "time", axisLabel: { ...font, hideOverlap: true, formatter: (t) => local(t).slice(11, 16) }, axisLine: { lineStyle: { color: color("--line") } }, axisTick: { show: false } },
        yAxis: { type: "value", scale: true, name: this.unit, nameTextStyle: { ...font, align: "right" }, axisLabel: font, splitLine: { lineStyle: { color: color("--line"), opacity: 0.6 } } },
        series: [
          { ...line, data: at("min"), stack: "band" },
          { ...line, data: width, stack: "band", areaStyle: { color: color("--normal"), opacity: 0.3 } },
          { ...line, data: at("mean"), silent: false, lineStyle: { color: color("--text"), width: 0.11 * rem } },
        ],
      };
    },
  },
  mounted() {
    this.draw();
  },
  beforeUnmount() {
    this.gone = true;
    this.watcher?.disconnect();
    this.chart?.dispose();
  },
};
