// Title, mode, clock, age of the data, search, language, seat.
import { clockS, day, span } from "./form.js";

export default {
  props: { s: Object, w: Function, lost: Boolean, hub: String },
  emits: ["say", "theme", "dialog", "go"],
  template: `
  <header class="cb-head">
    <div class="cb-brand">
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 14V8h3v6zm4.5 0V3h3v11zM11 14v-8h3v8z" /></svg>
      <h1>{{ s.head.city }}<i>{{ w('title.brain') }} · {{ w('title.page') }}</i></h1>
    </div>
    <div class="cb-mode" :class="{ war: s.head.war }" :title="w(s.head.war ? 'head.war_long' : 'head.peace_long')">
      <b>{{ w(s.head.war ? 'head.war' : 'head.peace') }}</b>
      <span>{{ w(s.head.war ? 'head.war_long' : 'head.peace_long') }}</span>
    </div>
    <div class="cb-exercise">{{ w('title.exercise') }}</div>
    <div v-if="s.head.air.values" class="cb-air" :title="s.head.air.points">
      <span v-for="(key, i) in ['head.temperature', 'head.humidity', 'head.dust']" :key="key">{{ w(key) }} <b>{{ s.head.air.values[i] }}</b></span></div>
    <div class="cb-clock"><b>{{ time }}</b><span>{{ date }}<em v-if="s.head.speed"> · {{ w('head.speed', { n: s.head.speed }) }}</em></span></div>
    <div class="cb-age" :class="{ old: age > 1800e3 || lost }">{{ w('head.data') }}
      <b>{{ s.head.data_t ? w('head.old', { age: span(age) }) : w('head.none') }}</b></div>
    <div class="cb-search">
      <input ref="field" v-model="text" type="search" :placeholder="w('head.search')" :aria-label="w('head.search')"
        @keydown.enter="take(found[0])" @blur="soon" @focus="open = true" />
      <ul v-if="open && text" role="listbox">
        <li v-for="hit in found" :key="hit.kind + hit.id" @mousedown.prevent="take(hit)">
          <b>{{ hit.name }}</b><span>{{ hit.note }}</span></li>
        <li v-if="!found.length" class="none">{{ w('head.nothing_found') }}</li>
      </ul>
    </div>
    <a v-if="hub" class="cb-link" :href="'./hub' + (s.seat.lang === 'zh' ? '' : '?lang=' + s.seat.lang)">{{ w('hub.link') }}</a>
    <button class="cb-quiet" @click="$emit('theme')" :title="w('head.theme')" :aria-label="w('head.theme')">◐</button>
    <button class="cb-quiet cb-lang" @click="$emit('say', { what: 'lang', lang: s.seat.lang === 'zh' ? 'en' : 'zh' })"
      :title="w('head.switch_language')">{{ w('head.other_language') }}</button>
    <button v-if="!s.seat.role" class="cb-seat" @click="$emit('dialog', { kind: 'sign_in' })">{{ w('seat.sign_in') }}</button>
    <button v-else class="cb-seat in" :title="w('seat.sign_out')" @click="$emit('say', { what: 'sign_out' })">
      <i></i>{{ s.seat.word }} <span>×</span></button>
  </header>`,
  data: () => ({ text: "", open: false }),
  computed: {
    time() {
      return clockS(this.s.head.t) || "––:––";
    },
    date() {
      return day(this.s.head.t);
    },
    age() {
      return this.s.head.t - this.s.head.data_t;
    },
    found() {
      const text = this.text.trim().toLowerCase();
      if (!text) return [];
      const hits = [];
      const add = (kind, id, name, note, rest) => {
        if (`${name} ${note}`.toLowerCase().includes(text)) hits.push({ kind, id, name, note, ...rest });
      };
      for (const [id, it] of Object.entries(this.s.list.by ?? {})) add("incident", id, it.name, it.where);
      for (const [id, it] of Object.entries(this.s.cases.by ?? {})) add("case", id, it.name, it.code, { at: it.at });
      for (const [id, it] of Object.entries(this.s.map.crews ?? {})) add("crew", id, it.name, it.department, { at: it.at });
      return hits.slice(0, 8);
    },
  },
  methods: {
    span(ms) {
      return span(Math.max(ms, 0), this.w);
    },
    search() {
      this.$refs.field.focus();
    },
    leave() {
      this.text = "";
      this.$refs.field.blur();
    },
    soon() {
      this.open = false;
    },
    take(hit) {
      if (!hit) return;
      if (hit.kind === "incident") this.$emit("say", { what: "select", incident: hit.id });
      else this.$emit("go", hit.at);
      this.leave();
    },
  },
};
