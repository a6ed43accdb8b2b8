// How devices are: departments and kinds with their score, and the devices that need their owner, worst first.
import { asking } from "./ask.js";
import { Quantity, spoken } from "./names.js";

const SHARES = ["completeness", "timeliness", "validity", "plausibility"];
const percent = (share) => (share == null ? "–" : `${(100 * share).toFixed(1)} %`);
const points = (score) => (score == null ? "–" : score.toFixed(1));

// A fault by its name, where it has one in this language; rules of a kind bear names of their own.
export const named = (w, kind) => spoken(w, "hub.fault_", kind);

// One device's score and what it is made of.
export const Shares = {
  components: { "cb-quantity": Quantity },
  props: { one: Object, w: Function },
  template: `
  <p v-if="!one || one.score === null" class="cb-empty">{{ w('hub.not_scored') }}</p>
  <dl v-if="one"><template v-if="one.score !== null">
    <div><dt>{{ w('hub.score') }}</dt><dd class="n">{{ points(one.score) }}</dd></div>
    <div v-for="share in shares" :key="share"><dt>{{ w('hub.' + share) }}</dt><dd class="n">{{ percent(one[share]) }}</dd></div></template>
    <div v-if="one.battery_v !== null"><dt>{{ w('hub.battery') }}</dt><dd class="n"><cb-quantity :value="one.battery_v.toFixed(2)" unit="V" /></dd></div>
    <div v-if="one.faults.length"><dt>{{ w('hub.faults') }}</dt><dd class="odd">{{ one.faults.map((fault) => named(w, fault)).join(', ') }}</dd></div></dl>`,
  data: () => ({ shares: SHARES }),
  methods: { percent, points, named },
};

const GROUP = `<thead><tr><th>{{ head }}</th><th class="n">{{ w('hub.score') }}</th><th class="n">{{ w('hub.faulty') }}</th>
  <th v-for="state in ['silent', 'dead']" :key="state" class="n">{{ w('hub.' + state) }}</th><th class="n">{{ w('hub.of') }}</th></tr></thead>
  <tbody><tr v-for="one in groups" :key="one.name"><td>{{ said(one.name) }}</td>
    <td class="n" :title="w('hub.scored', { n: one.scored })">{{ points(one.score) }}</td><td class="n" :class="{ odd: one.faulty, zero: !one.faulty }">{{ one.faulty.toLocaleString('en-US') }}</td>
    <td v-for="state in ['silent', 'dead']" :key="state" class="n" :class="{ odd: one.states[state], zero: !one.states[state] }">{{ (one.states[state] ?? 0).toLocaleString('en-US') }}</td>
    <td class="n">{{ one.devices.toLocaleString('en-US') }}</td></tr></tbody>`;

const Groups = { props: { groups: Array, head: String, said: Function, w: Function }, template: `<table>${GROUP}</table>`, methods: { points } };

export default {
  mixins: [asking],
  components: { "cb-groups": Groups, "cb-quantity": Quantity },
  template: `
  <section class="cb-panel cb-hub-facts"><h2>{{ w('hub.health') }}<span>{{ w('hub.last_whole_day') }}</span></h2><div class="scroll">
    <cb-groups :groups="departments_" :head="w('hub.owner')" :said="owner" :w="w" />
    <cb-groups :groups="kinds" :head="w('hub.kind')" :said="(name) => names[name] ?? name" :w="w" /></div></section>
  <section class="cb-panel cb-hub-list"><h2>{{ w('hub.worst') }}<span>{{ w('hub.found', { n: total.toLocaleString('en-US') }) }}</span></h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.device') }}</th><th>{{ w('hub.kind') }}</th><th>{{ w('hub.owner') }}</th><th>{{ w('hub.state') }}</th><th class="n">{{ w('hub.score') }}</th>
      <th v-for="share in shares" :key="share" class="n">{{ w('hub.' + share) }}</th><th class="n">{{ w('hub.battery') }}</th><th>{{ w('hub.faults') }}</th></tr></thead>
      <tbody><tr v-for="one in devices" :key="one.device"><td><a :href="'#/device/' + one.device">{{ one.device }}</a></td><td>{{ names[one.kind] ?? one.kind }}</td><td>{{ owner(one.owner) }}</td>
        <td :class="{ odd: one.state !== 'online' }">{{ w('hub.' + one.state) }}</td><td class="n">{{ points(one.score) }}</td>
        <td v-for="share in shares" :key="share" class="n">{{ percent(one[share]) }}</td><td class="n"><cb-quantity :value="one.battery_v?.toFixed(2) ?? '–'" :unit="one.battery_v === null ? '' : 'V'" /></td>
        <td :class="{ odd: one.faults.length }">{{ one.faults.map((fault) => named(w, fault)).join(', ') }}</td></tr></tbody></table>
    <p v-if="asked && !devices.length" class="cb-empty">{{ trouble || w('empty.devices') }}</p></div></section>`,
  data: () => ({ shares: SHARES, departments_: [], kinds: [], devices: [], names: {}, total: 0 }),
  methods: {
    percent,
    points,
    named,
    async load() {
      const [departments_, kinds, page, known] = await Promise.all([
        this.ask("/health/departments"), this.ask("/health/kinds"), this.ask("/health/devices?limit=100"), this.ask("/kinds"),
      ]);
      const names = Object.fromEntries(known.map((kind) => [kind.name, this.lang === "zh" ? kind.zh : kind.en]));
      return { departments_, kinds, devices: page.devices, total: page.total, names };
    },
  },
};
