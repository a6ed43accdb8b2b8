// One device: where it is, what it last said, its settings, a day of one property, its orders, alarms and life.
import { asking } from "./ask.js";
import Series from "./series.js";
import { Shares, named } from "./health.js";
import { deed, naming } from "./names.js";

export default {
  mixins: [asking, naming],
  components: { "cb-series": Series, "cb-shares": Shares },
  template: `
  <p v-if="trouble" class="cb-empty cb-panel">{{ missing ? w('hub.unknown', { code }) : trouble }}</p>
  <template v-else-if="device">
    <section class="cb-panel cb-hub-facts">
      <h2>{{ w('hub.device') }} {{ code }}<span>{{ name }}</span></h2>
      <div class="scroll"><dl>
        <div><dt>{{ w('hub.state') }}</dt><dd :class="{ odd: device.state !== 'online' }">{{ w('hub.' + device.state) }}</dd></div>
        <div><dt>{{ w('hub.stage') }}</dt><dd>{{ w('hub.stage_' + device.stage) }}</dd></div>
        <div><dt>{{ w('hub.heard') }}</dt><dd>{{ moment(device.heard) }}</dd></div>
        <div><dt>{{ w('hub.node') }}</dt><dd>{{ device.node }}</dd></div>
        <div><dt>{{ w('hub.object') }}</dt><dd><a v-if="device.object !== '0'" :href="'#/object/' + device.object">{{ device.object }}</a></dd></div>
        <div v-if="asset"><dt>{{ w('hub.owner') }}</dt><dd>{{ owner(asset.owner) }}</dd></div>
        <div v-if="asset"><dt>{{ w('hub.grid') }}</dt><dd>{{ asset.grid }}</dd></div>
        <div><dt>{{ w('hub.place') }}</dt><dd>{{ device.lon.toFixed(5) }}, {{ device.lat.toFixed(5) }}</dd></div>
      </dl>
      <h3>{{ w('hub.health') }}</h3>
      <cb-shares :one="health" :w="w" />
      <h3>{{ w('hub.latest') }}</h3>
      <table><tbody><tr v-for="(one, property) in latest" :key="property" :class="{ chosen: property === shown }">
        <td><a href="" @click.prevent="chosen = property">{{ quantity(property) }}</a></td>
        <td class="n"><cb-quantity :value="one.value" :unit="unit(property)" /></td><td class="n">{{ moment(one.time) }}</td>
        <td :class="{ odd: one.quality }">{{ one.quality ? w('hub.doubtful') : '' }}</td></tr></tbody></table>
      <p v-if="!Object.keys(latest).length" class="cb-empty">{{ w('head.none') }}</p>
      <h3>{{ w('hub.shadow') }}</h3>
      <table v-if="settings.length"><thead><tr><th></th><th class="n">{{ w('hub.desired') }}</th><th class="n">{{ w('hub.reported') }}</th></tr></thead>
        <tbody><tr v-for="key in settings" :key="key"><td>{{ setting(key) }}</td><td class="n"><cb-quantity :value="shadow.desired[key] ?? '–'" :unit="key in shadow.desired ? unit(key) : ''" /></td>
          <td class="n" :class="{ odd: key in shadow.delta }"><cb-quantity :value="shadow.reported[key] ?? '–'" :unit="key in shadow.reported ? unit(key) : ''" /></td></tr></tbody></table>
      <p v-else class="cb-empty">{{ w('hub.no_settings') }}</p></div>
    </section>
    <div class="cb-hub-more">
      <section class="cb-panel cb-hub-series"><h2><em>{{ shown ? quantity(shown) : w('hub.series') }}<i v-if="unit(shown)" class="unit">{{ unit(shown) }}</i></em><span>{{ w('hub.last_day') }}<template v-if="made">{{ w('hub.made_of', { what: made }) }}</template></span></h2>
        <cb-series :steps="steps" :unit="unit(shown)" :theme="theme" :empty="w('empty.curve')" /></section>
      <section class="cb-panel cb-hub-orders"><h2>{{ w('hub.orders') }}</h2><div class="scroll">
        <table><tbody><tr v-for="one in orders" :key="one.id"><td>{{ moment(one.issued) }}</td><td>{{ ordered(one) }}</td>
          <td :class="{ odd: ['failed', 'rejected', 'expired'].includes(one.status) }">{{ w('hub.order_' + one.status) }}</td><td class="said">{{ one.detail }}</td></tr></tbody></table>
        <p v-if="!orders.length" class="cb-empty">{{ w('hub.no_orders') }}</p></div></section>
      <section class="cb-panel cb-hub-life"><h2>{{ w('hub.life') }}</h2><div class="scroll">
        <table><tbody>
          <tr v-for="one in alarms" :key="one.id"><td>{{ moment(one.time) }}</td><td :class="{ odd: one.state !== 'cleared' }">{{ named(w, one.kind) }}</td><td><template v-if="one.property">{{ quantity(one.property) }} <cb-quantity :value="one.value" :unit="unit(one.property)" /> </template>{{ w('hub.alarm_' + one.state) }} {{ one.cleared && moment(one.cleared) }}</td></tr>
          <tr v-for="(one, i) in asset?.history ?? []" :key="i"><td>{{ moment(one.time) }}</td><td>{{ w('hub.stage_' + one.stage) }}</td><td>{{ who(one.by) }}</td></tr>
          <tr v-for="(one, i) in audit" :key="'a' + i"><td>{{ moment(one.time) }}</td><td>{{ deed(w, one.action) }}</td><td>{{ [who(one.who), detail(one)].filter(Boolean).join(' · ') }}</td></tr></tbody></table>
        <p v-if="!audit.length && !alarms.length && !asset?.history?.length" class="cb-empty">{{ w('hub.no_history') }}</p></div></section>
    </div>
  </template>`,
  data: () => ({ device: null, kind: null, health: null, asset: null, latest: {}, shadow: {}, orders: [], alarms: [], audit: [], steps: [], spans: [], chosen: "" }),
  computed: {
    name() {
      return this.kind?.[this.lang] ?? "";
    },
    // Which resolution the points are made of, in order of time: where there are several, with the moment of each.
    made() {
      const said = this.spans.map((span) => [this.w("hub.made_" + span.resolution), span]);
      if (said.length === 1) return said[0][0];
      return said.map(([word, span]) => this.w("hub.made_from", { what: word, at: this.moment(span.start).slice(5, 16) })).join(this.lang === "zh" ? "，" : ", ");
    },
    settings() {
      return [...new Set([...Object.keys(this.shadow.desired ?? {}), ...Object.keys(this.shadow.reported ?? {})])].sort();
    },
    shown() {
      return this.chosen || Object.keys(this.latest)[0] || "";
    },
  },
  watch: {
    chosen() {
      this.refresh();
    },
  },
  methods: {
    named,
    deed,
    // The trail keeps the numbers of an order or a wish as JSON behind the order's id.
    detail({ action, detail }) {
      const [, id, given] = /^(?:(.*): )?(\{.*\})$/.exec(/^(command .*|desire)$/.test(action) ? detail : "") ?? [];
      return given ? [id, this.told(JSON.parse(given))].filter(Boolean).join(" ") : detail;
    },
    async load() {
      const at = `/devices/${this.code}`;
      const device = await this.ask(at);
      const [kinds, latest, shadow, orders, alarms, audit, asset, health] = await Promise.all([
        this.ask("/kinds"), this.ask(`${at}/latest`), this.ask(`${at}/shadow`), this.ask(`${at}/commands`),
        this.ask(`/alarms?device=${this.code}&state=all&limit=50`),
        this.ask(`/audit?subject=${this.code}`), this.ask(`/assets/${this.code}`).catch(() => null),
        this.ask(`/health/devices?device=${this.code}`),
      ]);
      const property = this.chosen || Object.keys(latest)[0];
      const end = property ? Date.parse(latest[property].time) + 1 : 0;
      const query = `start=${new Date(end - 864e5).toISOString()}&end=${new Date(end).toISOString()}&every_s=300`;
      const series = property ? await this.ask(`${at}/series/${property}?${query}`) : { steps: [], made_of: [] };
      this.learn(kinds, device.kind);
      const kind = kinds.find((one) => one.name === device.kind);
      return { device, kind, latest, shadow, orders, audit, asset, alarms, steps: series.steps, spans: series.made_of, health: health.devices[0] ?? null };
    },
  },
};
