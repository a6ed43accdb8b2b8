// Says that the connection is lost, or that nothing new comes, with the age of the picture.
import { span } from "./form.js";

export default {
  props: { s: Object, w: Function, lost: Boolean, since: Number },
  template: `<div v-if="text" class="cb-alert" role="alert" :class="{ lost }">
    <svg viewBox="0 0 12 12" aria-hidden="true"><path d="M6 1 11.5 10.8H.5z" /></svg>{{ text }}</div>`,
  data: () => ({ now: Date.now() }),
  computed: {
    text() {
      if (this.lost) return this.w("lost.line", { age: span(this.now - this.since, this.w) });
      if (this.s.head.stale_s) return this.w("lost.stale", { age: span(this.s.head.stale_s * 1000, this.w) });
      return this.s.head.t ? "" : this.w("lost.waiting");
    },
  },
  watch: {
    lost(lost) {
      clearInterval(this.timer);
      this.now = Date.now();
      if (lost) this.timer = setInterval(() => (this.now = Date.now()), 1000);
    },
  },
  unmounted() {
    clearInterval(this.timer);
  },
};
