// Vendors' clouds that speak for devices: how each stands, and what of its words was not taken.
import { asking } from "./ask.js";
import { naming } from "./names.js";

const COUNTS = ["devices", "told", "waiting", "repeated", "held"];
const many = (n) => Number(n).toLocaleString("en-US");

export default {
  mixins: [asking, naming],
  template: `
  <section class="cb-panel cb-hub-list cb-hub-wide"><h2>{{ w('hub.bridges') }}<span>{{ w('hub.found', { n: bridges.length }) }}</span></h2><div class="scroll">
    <table><thead><tr><th>{{ w('bridge.vendor') }}</th><th>{{ w('hub.kind') }}</th><th>{{ w('bridge.way') }}</th><th>{{ w('hub.node') }}</th>
      <th v-for="count in counts" :key="count" class="n">{{ w('bridge.' + count) }}</th><th>{{ w('bridge.refused') }}</th><th class="n">{{ w('bridge.heard') }}</th><th class="n">{{ w('bridge.due') }}</th><th>{{ w('bridge.trouble') }}</th></tr></thead>
      <tbody><tr v-for="one in bridges" :key="one.vendor"><td>{{ one.vendor }}</td><td>{{ names[one.kind] || one.kind }}</td><td>{{ w('bridge.' + one.way) }}</td><td>{{ one.node }}</td>
        <td v-for="count in counts" :key="count" class="n" :class="{ zero: !one[count] }">{{ many(one[count]) }}</td>
        <td :class="{ odd: Object.keys(one.refused).length }">{{ Object.entries(one.refused).map(([why, n]) => reason(why) + ' ' + many(n)).join(', ') }}</td>
        <td class="n">{{ moment(one.heard) }}</td><td class="n">{{ moment(one.due) }}</td><td class="said" :class="{ odd: one.trouble }">{{ one.trouble }}</td></tr></tbody></table>
    <p v-if="asked && !bridges.length" class="cb-empty">{{ trouble || w('bridge.none') }}</p>
    <p v-if="bridges.length" class="cb-hub-note">{{ w('bridge.note') }}</p></div></section>`,
  data: () => ({ bridges: [] }),
  computed: { counts: () => COUNTS },
  methods: {
    many,
    async load() {
      const [bridges, kinds] = await Promise.all([this.ask("/bridges"), this.ask("/kinds")]);
      this.learn(kinds);
      return { bridges };
    },
  },
};
