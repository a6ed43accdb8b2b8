// The closed loop in five parts, and the ticker.
import { clock, sameDay, shortDay, span } from "./form.js";

export default {
  props: { s: Object, w: Function },
  emits: ["say"],
  template: `
  <footer class="cb-foot" :class="{ calm: !s.loop.parts }">
    <div v-if="s.loop.parts" class="cb-panel cb-loop">
      <h2>{{ w('panel.loop') }}<span><cb-level :level="s.loop.level" /> {{ s.loop.name }}</span></h2>
      <ol><li v-for="(part, i) in s.loop.parts" :key="part.key" :class="part.state">
        <b>{{ part.name }}</b>
        <span class="at"><u v-if="part.t && !sameDay(part.t, s.head.t)">{{ shortDay(part.t) }}</u>{{ part.t ? clock(part.t) : part.state === 'none' ? '–' : part.state === 'waiting' ? w('loop.pending') : w('step.open') }}<i v-if="after(i)">{{ w('loop.after', { span: after(i) }) }}</i></span>
        <span class="note">{{ part.state === 'none' ? '' : part.note }}</span></li></ol>
    </div>
    <div class="cb-panel cb-ticker">
      <h2>{{ w('panel.ticker') }}</h2>
      <p v-if="!s.ticker.order?.length" class="cb-empty calm">{{ w('empty.ticker') }}</p>
      <div class="scroll"><p v-for="key in s.ticker.order" :key="key" :class="'g' + s.ticker.by[key].grade">
        <time>{{ clock(s.ticker.by[key].t) }}</time><cb-level v-if="s.ticker.by[key].grade < 5" :level="s.ticker.by[key].grade || 9" :class="{ fault: !s.ticker.by[key].grade }" /><i v-else></i>
        <span>{{ s.ticker.by[key].text }}</span></p></div>
    </div>
  </footer>`,
  methods: {
    clock, sameDay, shortDay,
    // How long after the part before it.
    after(i) {
      const parts = this.s.loop.parts, before = parts.slice(0, i).reverse().find((part) => part.t);
      return parts[i].t && before && parts[i].t > before.t ? span(parts[i].t - before.t, this.w) : "";
    },
  },
};
