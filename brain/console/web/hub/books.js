// The hub's books: the ledger, what was refused, open alarms, and who is in quarantine.
import { asking } from "./ask.js";
import { named } from "./health.js";
import { naming, sign } from "./names.js";

const FATES = ["received", "stored", "rejected", "duplicate", "unattributed", "lost", "ahead"];
const many = (n) => Number(n).toLocaleString("en-US");

export const Ledger = {
  mixins: [asking, naming],
  template: `
  <section class="cb-panel cb-hub-facts"><h2>{{ w('hub.ledger') }}<span v-if="ledger" :class="{ odd: !ledger.closes }">{{ w(ledger.closes ? 'hub.closes' : 'hub.open_ledger') }}</span></h2>
    <div class="scroll" v-if="ledger"><dl><div v-for="one in fates" :key="one"><dt>{{ w('hub.' + one) }}</dt><dd class="n">{{ many(ledger[one]) }}</dd></div></dl>
      <h3>{{ w('hub.by_owner') }}</h3>
      <table><tbody><tr v-for="one in parts" :key="one.name"><td>{{ owner(one.name) }}</td><td class="n">{{ many(one.stored) }}</td></tr></tbody></table>
      <h3>{{ w('hub.by_kind') }}</h3>
      <table><tbody><tr v-for="(n, kind) in ledger.by_kind" :key="kind"><td>{{ names[kind] ?? kind }}</td><td class="n">{{ many(n) }}</td></tr></tbody></table>
      <h3>{{ w('hub.by_reason') }}</h3>
      <table><tbody><tr v-for="(n, why) in ledger.by_reason" :key="why"><td>{{ reason(why) }}</td><td class="n">{{ many(n) }}</td></tr></tbody></table>
      <p v-if="!Object.keys(ledger.by_reason).length" class="cb-empty">{{ w('hub.nothing_refused') }}</p>
      <h3>{{ w('hub.gaps') }}</h3>
      <table><tbody><tr v-for="(one, i) in gaps" :key="i"><td>{{ one.node }}</td><td class="n">{{ many(one.first) }}–{{ many(one.last) }}</td><td class="n">{{ moment(one.since) }}</td></tr></tbody></table>
      <p v-if="!gaps.length" class="cb-empty">{{ w('hub.no_gaps') }}</p></div>
  </section>
  <section class="cb-panel cb-hub-list"><h2>{{ w('hub.refused') }}</h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.time') }}</th><th>{{ w('hub.reason') }}</th><th>{{ w('hub.node') }}</th><th>{{ w('hub.device') }}</th><th>{{ w('hub.detail') }}</th></tr></thead>
      <tbody><tr v-for="(one, i) in rejected" :key="i"><td>{{ moment(one.time) }}</td><td>{{ reason(one.reason) }}</td><td>{{ one.node }}</td>
        <td>{{ one.device === '0' ? '' : one.device }}</td><td :class="{ said: one.detail }"><template v-if="one.detail">{{ one.detail }}</template><template v-else>{{ quantity(one.property) }} <cb-quantity :value="one.value" :unit="unit(one.property)" /></template></td></tr></tbody></table>
    <p v-if="asked && !rejected.length" class="cb-empty">{{ w('hub.nothing_refused') }}</p></div></section>`,
  data: () => ({ ledger: null, parts: [], gaps: [], rejected: [] }),
  computed: { fates: () => FATES },
  methods: {
    many,
    async load() {
      const [ledger, division, gaps, rejected, kinds] = await Promise.all([
        this.ask("/ledger"), this.ask("/ledger?by=department"), this.ask("/gaps?limit=20"), this.ask("/rejected"), this.ask("/kinds"),
      ]);
      const parts = division.rest.stored ? [...division.parts, division.rest] : division.parts;
      this.learn(kinds);
      return { ledger, parts, gaps, rejected };
    },
  },
};

export const Alarms = {
  mixins: [asking, naming],
  template: `
  <section class="cb-panel cb-hub-list"><h2>{{ w('hub.alarms') }}<span>{{ w('hub.found', { n: alarms.length }) }}</span></h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.time') }}</th><th>{{ w('hub.alarm') }}</th><th>{{ w('hub.about') }}</th><th>{{ w('hub.device') }}</th><th>{{ w('hub.property') }}</th><th class="n">{{ w('hub.value') }}</th><th class="n">{{ w('hub.limit') }}</th><th>{{ w('hub.owner') }}</th><th>{{ w('hub.state') }}</th></tr></thead>
      <tbody><tr v-for="one in alarms" :key="one.id"><td>{{ moment(one.time) }}</td><td>{{ named(w, one.kind) }}</td><td>{{ w(one.fault ? 'hub.fault' : 'hub.phenomenon') }}</td>
        <td><a :href="'#/device/' + one.device">{{ one.device }}</a></td><td>{{ quantity(one.property) }}</td><td v-for="number in ['value', 'limit']" :key="number" class="n"><cb-quantity v-if="one.property" :value="one[number]" :unit="unit(one.property)" /></td>
        <td>{{ owner(one.owner) }}</td><td>{{ w('hub.alarm_' + one.state) }} {{ who(one.acknowledged_by) }}</td></tr></tbody></table>
    <p v-if="asked && !alarms.length" class="cb-empty">{{ w('hub.no_alarms') }}</p></div></section>`,
  data: () => ({ alarms: [] }),
  methods: {
    named,
    async load() {
      const [alarms, kinds] = await Promise.all([this.ask("/alarms"), this.ask("/kinds")]);
      this.learn(kinds);
      return { alarms };
    },
  },
};

export const Quarantine = {
  mixins: [asking, naming],
  template: `
  <section class="cb-panel cb-hub-facts"><h2>{{ w('hub.limits') }}</h2><div class="scroll">
    <table><tbody><tr v-for="one in limits" :key="one.name" :title="one.source"><td>{{ lang === 'zh' ? one.zh : one.en }}</td><td class="n"><cb-quantity :value="one.value.toLocaleString('en-US')" :unit="sign(one.unit)" /></td></tr></tbody></table></div></section>
  <section class="cb-panel cb-hub-list"><h2>{{ w('hub.quarantine') }}</h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.since') }}</th><th>{{ w('hub.node') }}</th><th>{{ w('hub.reason') }}</th><th>{{ w('hub.detail') }}</th><th>{{ w('hub.released') }}</th></tr></thead>
      <tbody><tr v-for="(one, i) in held" :key="i"><td>{{ moment(one.since) }}</td><td>{{ one.node }}</td><td :class="{ odd: !one.released }">{{ named(w, one.why) }}</td><td>{{ excess(one.detail) }}</td>
        <td>{{ one.released ? moment(one.released) + ' ' + who(one.by) : w('hub.held') }}</td></tr></tbody></table>
    <p v-if="asked && !held.length" class="cb-empty">{{ w('hub.nobody_held') }}</p></div></section>`,
  data: () => ({ held: [], limits: [] }),
  methods: {
    named,
    sign,
    // What the hub counted and what it would have borne ("71 against 60").
    excess(detail) {
      const [, value, limit] = /^(\d+) against (\d+)$/.exec(detail) ?? [];
      return value ? this.w("hub.against", { value: many(value), limit: many(limit) }) : detail;
    },
    async load() {
      const [held, released, limits] = await Promise.all([
        this.ask("/quarantine?held=true&limit=1000"), this.ask("/quarantine?held=false"), this.ask("/limits"),
      ]);
      return { held: [...held, ...released], limits };
    },
  },
};
