// Orders to many devices: jobs that are rolled out in stages, and batches, with how far their devices have come.
import { asking } from "./ask.js";
import { naming } from "./names.js";

const counted = (counts) => Object.entries(counts).filter(([, n]) => n);

export default {
  mixins: [asking, naming],
  template: `
  <section class="cb-panel cb-hub-list cb-hub-wide"><h2>{{ w('hub.jobs') }}<span>{{ w('hub.found', { n: jobs.length }) }}</span></h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.time') }}</th><th>{{ w('hub.job_target') }}</th><th>{{ w('hub.state') }}</th><th>{{ w('hub.job_stages') }}</th><th>{{ w('hub.detail') }}</th></tr></thead>
      <tbody><tr v-for="one in jobs" :key="one.id"><td>{{ moment(one.drafted) }}</td><td>{{ w('hub.job_' + one.sort) }} {{ told(one.target) }}</td>
        <td :class="{ odd: one.state === 'stopped' }">{{ w('hub.job_' + one.state) }}</td>
        <td><div v-for="(stage, i) in one.stages" :key="i">{{ (100 * stage.share).toFixed(0) }} %: {{ came(stage.counts, 'job_') }}</div></td><td><span class="said">{{ one.detail }}</span> {{ who(one.by) }}</td></tr></tbody></table>
    <p v-if="asked && !jobs.length" class="cb-empty">{{ trouble || w('hub.no_jobs') }}</p></div></section>
  <section class="cb-panel cb-hub-list cb-hub-wide"><h2>{{ w('hub.batches') }}<span>{{ w('hub.found', { n: batches.length }) }}</span></h2><div class="scroll">
    <table><thead><tr><th>{{ w('hub.time') }}</th><th>{{ w('hub.orders') }}</th><th>{{ w('hub.devices') }}</th><th>{{ w('hub.by') }}</th></tr></thead>
      <tbody><tr v-for="one in batches" :key="one.id"><td>{{ moment(one.issued) }}</td><td>{{ ordered(one) }}</td>
        <td>{{ came(one.counts, 'order_') }}</td><td>{{ who(one.by) }}</td></tr></tbody></table>
    <p v-if="asked && !batches.length" class="cb-empty">{{ trouble || w('hub.no_orders') }}</p></div></section>`,
  data: () => ({ jobs: [], batches: [] }),
  methods: {
    came(counts, words) {
      return counted(counts).map(([step, n]) => `${this.w("hub." + words + step)} ${n.toLocaleString("en-US")}`).join(", ") || "–";
    },
    async load() {
      const [jobs, batches, kinds] = await Promise.all([this.ask("/jobs"), this.ask("/batches"), this.ask("/kinds")]);
      this.learn(kinds);
      return { jobs, batches };
    },
  },
};
