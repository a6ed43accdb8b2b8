// Devices by kind, owner and state: how many there are, and which.
import { asking } from "./ask.js";

const STATES = ["online", "silent", "dead", "maintenance", "retired"];

export default {
  mixins: [asking],
  template: `
  <section class="cb-panel cb-hub-kinds">
    <h2>{{ w('hub.kinds') }}<span>{{ w('hub.choose') }}</span></h2>
    <div class="scroll"><table>
      <thead><tr><th>{{ w('hub.kind') }}</th><th v-for="state in states" :key="state" class="n">{{ w('hub.' + state) }}</th></tr></thead>
      <tbody>
        <tr v-for="kind in kinds" :key="kind.name" :class="{ chosen: given.kind === kind.name }">
          <td><a :href="link({ kind: given.kind === kind.name ? '' : kind.name, state: '' })">{{ lang === 'zh' ? kind.zh : kind.en }}</a></td>
          <td v-for="state in states" :key="state" class="n">
            <a v-if="kind.counts[state]" :href="link({ kind: kind.name, state })" :class="{ odd: state !== 'online' }">{{ kind.counts[state].toLocaleString('en-US') }}</a>
            <span v-else class="zero">0</span></td>
        </tr>
      </tbody></table>
      <h3 v-if="owners.length">{{ w('hub.owners') }}</h3>
      <table v-if="owners.length"><tbody>
        <tr v-for="one in owners" :key="one.owner" :class="{ chosen: given.owner === one.owner }">
          <td><a v-if="one.owner" :href="link({ owner: given.owner === one.owner ? '' : one.owner })">{{ owner(one.owner) }}</a><span v-else class="zero">{{ owner('') }}</span></td>
          <td class="n">{{ one.count.toLocaleString('en-US') }}</td></tr>
      </tbody></table>
      <p v-if="asked && !kinds.length" class="cb-empty">{{ w('empty.devices') }}</p>
    </div>
  </section>
  <section class="cb-panel cb-hub-list">
    <h2>{{ w('hub.devices') }}<span>{{ w('hub.found', { n: total.toLocaleString('en-US') }) }}</span></h2>
    <form class="cb-hub-find" @submit.prevent="find">
      <input v-model="text" type="search" inputmode="numeric" :placeholder="w('hub.code')" :aria-label="w('hub.code')" />
      <button>{{ w('hub.open') }}</button><em v-if="wrong" role="alert">{{ wrong }}</em>
      <span v-for="name in ['kind', 'owner', 'state']" :key="name">
        <a v-if="given[name]" class="cb-chip" :href="link({ [name]: '' })" :title="w('hub.all')">{{ named(name) }} ×</a></span>
    </form>
    <div class="scroll"><table>
      <thead><tr><th>{{ w('hub.device') }}</th><th>{{ w('hub.kind') }}</th><th>{{ w('hub.owner') }}</th><th>{{ w('hub.object') }}</th><th>{{ w('hub.state') }}</th><th class="n">{{ w('hub.heard') }}</th></tr></thead>
      <tbody><tr v-for="one in devices" :key="one.device">
        <td><a :href="'#/device/' + one.device">{{ one.device }}</a></td><td>{{ names[one.kind] ?? one.kind }}</td><td>{{ owner(one.owner) }}</td>
        <td><a v-if="one.object !== '0'" :href="'#/object/' + one.object">{{ one.object }}</a></td>
        <td :class="{ odd: one.state !== 'online' }">{{ w('hub.' + one.state) }}</td><td class="n">{{ moment(one.heard) }}</td>
      </tr></tbody></table>
      <p v-if="asked && !devices.length" class="cb-empty">{{ trouble || w('hub.none') }}</p>
    </div>
    <nav class="cb-hub-pages"><a v-if="given.after" :href="link({ after: '' })">{{ w('hub.first') }}</a><a v-if="next" :href="link({ after: next })">{{ w('hub.next') }}</a></nav>
  </section>`,
  data: () => ({ kinds: [], owners: [], devices: [], total: 0, next: null, text: "", wrong: "" }),
  computed: {
    states: () => STATES,
    names() {
      return Object.fromEntries(this.kinds.map((kind) => [kind.name, this.lang === "zh" ? kind.zh : kind.en]));
    },
  },
  methods: {
    async load() {
      const query = new URLSearchParams({ limit: 100 });
      for (const name of ["kind", "owner", "state", "after"]) if (this.given[name]) query.set(name, this.given[name]);
      const [kinds, owners, page] = await Promise.all([this.ask("/kinds"), this.ask("/owners"), this.ask(`/devices?${query}`)]);
      return { kinds, owners, devices: page.devices, total: page.total, next: page.next };
    },
    link(change) {
      const given = { ...this.given, after: "", ...change };
      const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
      return `#/devices?${query}`;
    },
    named(name) {
      const value = this.given[name];
      return name === "kind" ? this.names[value] ?? value : name === "owner" ? this.owner(value) : this.w("hub." + value);
    },
    async find() {
      const code = this.text.trim();
      this.wrong = /^\d{1,18}$/.test(code) ? "" : this.w("hub.no_code");
      if (this.wrong || !code) return;
      const known = async (path) => this.ask(path).then(() => true, () => false);
      if (await known(`/devices/${code}`)) window.location.hash = `#/device/${code}`;
      else if (await known(`/assets/${code}`)) window.location.hash = `#/object/${code}`;
      else this.wrong = this.w("hub.unknown", { code });
    },
  },
};
