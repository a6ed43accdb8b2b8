// What needs a person: open incidents, the selected one, open cases, departments that do not answer.
import { clockTo, number, when } from "./form.js";

export default {
  props: { s: Object, w: Function },
  emits: ["say", "dialog", "go"],
  template: `
  <section class="cb-right">
    <div class="cb-panel cb-list">
      <h2>{{ w('panel.incidents') }}<span>{{ s.list.open?.length || '' }}</span></h2>
      <p v-if="!s.list.open?.length" class="cb-empty calm">{{ w('empty.incidents') }}</p>
      <template v-for="(id, i) in shown" :key="id"><h3 v-if="i === (s.list.open?.length ?? 0)">{{ w('incident.closed_list') }}</h3>
      <button class="cb-item" :class="klass(id)" :aria-pressed="id === s.seat.incident"
        @click="$emit('say', { what: 'select', incident: id === s.seat.incident ? '' : id })">
        <cb-level :level="s.list.by[id].level" />
        <span class="what" :title="s.list.by[id].where"><b>{{ s.list.by[id].name }}</b><i>{{ s.list.by[id].where }}</i></span>
        <span class="level">{{ s.list.by[id].stage === 'dismissed' ? '' : w('level.l' + s.list.by[id].level) }}<i>{{ w('stage.' + s.list.by[id].stage) }}</i></span>
        <span class="due"><b :class="due(id)?.over ? 'over' : ''">{{ due(id)?.text ?? '' }}</b>
          <i>{{ w('incident.since', { at: when(s.list.by[id].raised, s.head.t) }) }}</i></span>
      </button></template>
    </div>
    <cb-matter v-if="s.matter.id" :s="s" :w="w" @say="$emit('say', $event)" @dialog="$emit('dialog', $event)" @go="$emit('go', $event)" />
    <template v-else>
      <div class="cb-panel cb-cases">
        <h2>{{ w('panel.cases') }}<span>{{ s.cases.open || '' }}</span></h2>
        <p v-if="!s.cases.order?.length" class="cb-empty calm">{{ w('empty.cases') }}</p>
        <div class="scroll">
          <button v-for="id in s.cases.order" :key="id" class="cb-item case" @click="$emit('go', s.cases.by[id].at)">
            <span class="what"><b>{{ s.cases.by[id].name }}</b><i>{{ s.cases.by[id].code }}</i></span>
            <span class="seven" :title="w('case.' + s.cases.by[id].step)"><i v-for="n in 7" :key="n" :class="{ on: n <= step(id) }"></i>
              <em>{{ w('case.' + s.cases.by[id].step) }}</em></span>
            <span class="due"><b :class="caseDue(id)?.over ? 'over' : ''">{{ caseDue(id)?.text }}</b></span>
          </button>
          <p v-if="s.cases.more" class="cb-more">{{ w('case.more', { n: s.cases.more }) }}</p>
        </div>
      </div>
      <div class="cb-panel cb-kinds">
        <h2>{{ w('panel.devices') }}</h2>
        <p v-if="!kinds.length" class="cb-empty calm">{{ w('empty.devices') }}</p>
        <div class="scroll"><table><tr v-for="kind in kinds" :key="kind.name"><td>{{ kind.name }}</td>
          <td><b>{{ number(kind.online) }}</b> {{ w('map.state_online') }}</td>
          <td><template v-if="kind.silent + kind.dead"><b>{{ number(kind.silent + kind.dead) }}</b> {{ w('map.state_silent') }}</template></td></tr></table></div>
      </div>
      <div class="cb-panel cb-lines" :class="{ bad: bad.length }">
        <h2>{{ w('panel.lines') }}</h2>
        <p v-if="!bad.length"><i class="ok"></i>{{ w('line.good') }}</p>
        <p v-for="line in bad" :key="line.name"><cb-level :level="3" />{{ line.name }} · {{ w('line.bad', { n: line.failures }) }}</p>
      </div>
    </template>
  </section>`,
  computed: {
    shown() {
      const ended = this.s.matter.id ? (this.s.list.ended ?? []).filter((id) => id === this.s.seat.incident) : this.s.list.ended ?? [];
      return [...(this.s.list.open ?? []), ...ended];
    },
    kinds() {
      this.s.turn.devices;
      return Object.values(this.s.devices).map(({ name, online, silent, dead }) => ({ name, online, silent, dead }));
    },
    bad() {
      return Object.values(this.s.lines);
    },
  },
  methods: {
    number, when,
    klass(id) {
      const it = this.s.list.by[id], open = this.s.list.open.includes(id);
      return { chosen: id === this.s.seat.incident, ended: !open, grave: open && it.level > 0 && it.level < 3 && it.stage === "raised" };
    },
    due(id) {
      const it = this.s.list.by[id];
      return it.closed ? null : clockTo(it.deadline, this.s.head.t, this.w);
    },
    step(id) {
      return ["collected", "filed", "dispatched", "handling", "fed_back", "closed", "evaluated"].indexOf(this.s.cases.by[id].step) + 1;
    },
    caseDue(id) {
      const it = this.s.cases.by[id];
      return it.handled ? null : clockTo(it.deadline, this.s.head.t, this.w);
    },
  },
};
