// One managed object: whose it is, where it stands, its life, and the devices that are its guests (one pole, many uses).
import { asking } from "./ask.js";
import { naming } from "./names.js";

export default {
  mixins: [asking, naming],
  template: `
  <p v-if="trouble" class="cb-empty cb-panel">{{ missing ? w('hub.unknown', { code }) : trouble }}</p>
  <template v-else-if="asset">
    <section class="cb-panel cb-hub-facts">
      <h2>{{ w('hub.' + asset.sort) }} {{ code }}<span>{{ asset.name || (asset.kind && w('hub.class_' + asset.kind)) }}</span></h2>
      <div class="scroll"><dl>
        <div><dt>{{ w('hub.owner') }}</dt><dd>{{ owner(asset.owner) }}</dd></div>
        <div><dt>{{ w('hub.stage') }}</dt><dd>{{ w('hub.stage_' + asset.stage) }}</dd></div>
        <div><dt>{{ w('hub.grid') }}</dt><dd>{{ asset.grid }}</dd></div>
        <div><dt>{{ w('hub.community') }}</dt><dd>{{ asset.community }}</dd></div>
        <div><dt>{{ w('hub.place') }}</dt><dd>{{ asset.lon.toFixed(5) }}, {{ asset.lat.toFixed(5) }}</dd></div>
      </dl>
      <h3>{{ w('hub.life') }}</h3>
      <table><tbody><tr v-for="(one, i) in asset.history" :key="i"><td>{{ moment(one.time) }}</td><td>{{ w('hub.stage_' + one.stage) }}</td><td>{{ who(one.by) }}</td></tr></tbody></table>
      <p v-if="!asset.history.length" class="cb-empty">{{ w('hub.surveyed') }}</p></div>
    </section>
    <section class="cb-panel cb-hub-list"><h2>{{ w('hub.guests') }}<span>{{ w('hub.found', { n: asset.guests.length.toLocaleString('en-US') }) }}</span></h2>
      <div class="scroll"><table><thead><tr><th>{{ w('hub.device') }}</th><th>{{ w('hub.kind') }}</th><th>{{ w('hub.owner') }}</th><th>{{ w('hub.state') }}</th><th class="n">{{ w('hub.heard') }}</th></tr></thead>
        <tbody><tr v-for="code in planned" :key="code"><td>{{ code }}</td><td colspan="4">{{ w('hub.not_born') }}</td></tr>
          <tr v-for="one in guests" :key="one.device">
          <td><a :href="'#/device/' + one.device">{{ one.device }}</a></td><td>{{ names[one.kind] ?? one.kind }}</td><td>{{ owner(one.owner) }}</td>
          <td :class="{ odd: one.state !== 'online' }">{{ w('hub.' + one.state) }}</td><td class="n">{{ moment(one.heard) }}</td></tr></tbody></table>
      <p v-if="!asset.guests.length" class="cb-empty">{{ w('hub.no_guests') }}</p></div></section>
  </template>`,
  data: () => ({ asset: null, guests: [] }),
  computed: {
    planned() {
      const born = new Set(this.guests.map((one) => one.device));
      return this.asset.guests.filter((code) => !born.has(code));
    },
  },
  methods: {
    async load() {
      const [asset, kinds, page] = await Promise.all([
        this.ask(`/assets/${this.code}`), this.ask("/kinds"), this.ask(`/devices?object=${this.code}&limit=1000`),
      ]);
      this.learn(kinds);
      return { asset, guests: page.devices };
    },
  },
};
