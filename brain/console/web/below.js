// A list that may be longer than its panel: how many rows stand below, and a step down to them.
const ROWS = "dt, .cb-task, .cb-step, .cb-warning, .why";

export default {
  props: { w: Function },
  template: `
  <div class="scroll" ref="box" @scroll.passive="count"><slot></slot></div>
  <button v-if="below" type="button" class="cb-below" :style="{ height: high + 'px' }" @click="down">↓ {{ w('panel.below', { n: below }) }}</button>`,
  data: () => ({ below: 0, high: 0 }),
  methods: {
    // The strip begins where the first row begins that is not whole, so that no line is cut through its middle.
    count() {
      const box = this.$refs.box, end = box.getBoundingClientRect().bottom;
      if (box.scrollHeight - box.scrollTop - box.clientHeight <= 2) return (this.below = 0);
      const bar = 1.5 * parseFloat(getComputedStyle(document.documentElement).fontSize);
      const rows = [...box.querySelectorAll(ROWS)].map((row) => row.getBoundingClientRect()).filter((row) => row.bottom > end - bar);
      this.below = Math.max(rows.length, 1);
      this.high = Math.min(Math.max(rows.length ? end - rows[0].top : 0, bar), box.clientHeight / 2);
    },
    down() {
      this.$refs.box.scrollBy({ top: this.$refs.box.clientHeight * 0.8 });
    },
    // What is asked for stays in sight.
    roll(selector) {
      const box = this.$refs.box, row = box.querySelector(selector), top = (one) => one.offsetTop - box.offsetTop;
      if (!row) return;
      const first = [...box.querySelectorAll(ROWS)].find((one) => top(one) >= top(row) - box.clientHeight * 0.3);
      box.scrollTop = Math.max(top(first ?? row), 0);
    },
  },
  mounted() {
    this.watcher = new ResizeObserver(this.count);
    this.watcher.observe(this.$refs.box);
    this.count();
  },
  updated() {
    this.count();
  },
  beforeUnmount() {
    this.watcher.disconnect();
  },
};
