// The selected incident: evidence, the plan as a checklist with clocks, crews, what this seat may order.
import { clock, clockTo, number, span, when } from "./form.js";

const PHASES = ["verify", "respond", "recover"];
const GOING = ["ordered", "submitted", "accepted", "en_route", "on_site"];

export default {
  props: { s: Object, w: Function },
  emits: ["say", "dialog", "go"],
  template: `
  <div class="cb-matter">
    <div class="cb-panel cb-plan">
      <h2>{{ w('panel.plan') }}<span>{{ w('step.progress', { done: settled, all: m.steps.length }) }}</span></h2>
      <p v-if="!m.activated" class="cb-note">{{ w('loop.linkage_wait') }}</p>
      <cb-below :w="w" ref="scroll">
        <template v-for="phase in phases" :key="phase.key">
          <h3>{{ w('phase.' + phase.key) }}</h3>
          <div v-for="step in phase.steps" :key="step.id" class="cb-step" :class="[step.stage, { late: step.overdue }]">
            <i class="box" aria-hidden="true">{{ { done: '✓', skipped: '–', open: '▸' }[step.stage] ?? '' }}</i>
            <span class="what" :title="[step.name, step.outcome, step.owner].filter(Boolean).join(' · ')"><b>{{ step.name }}<em v-if="step.round > 1">{{ w('step.round', { n: step.round }) }}</em></b>
              <i><u v-if="step.outcome">{{ step.outcome }}</u>{{ step.owner }}<template v-if="crewOf(step)"> · {{ crewOf(step) }}</template></i></span>
            <span class="clock" :class="due(step)?.over ? 'over' : due(step)?.soon ? 'soon' : ''"><b>{{ main(step) }}</b><i>{{ rest(step) }}</i></span>
          </div>
        </template>
      </cb-below>
    </div>
    <div class="cb-side">
      <div class="cb-panel cb-facts">
        <h2>{{ w('panel.evidence') }}</h2>
        <cb-below :w="w"><dl><template v-for="[name, value] in m.facts" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></template>
          <template v-if="m.communities"><dt>{{ w('map.area') }}</dt><dd>{{ w('incident.communities', { n: m.communities }) }}</dd></template>
          <template v-if="m.candidates"><dt>{{ w('map.candidate') }}</dt><dd>{{ m.candidates }}</dd></template></dl>
        <p v-if="m.level" class="why"><cb-level :level="m.level" /><b>{{ w('level.l' + m.level) }} {{ w('level.l' + m.level + '_word') }}</b> {{ m.reasons.join('; ') }}</p>
        <div v-for="one in m.warnings" :key="one.issued + one.channel" class="cb-warning" :title="one.text"><b>{{ one.channel }}</b> {{ when(one.issued, s.head.t) }}
          <span>{{ w('warning.line', { people: number(one.people), sent: number(one.sent), delivered: number(one.delivered) }) }}</span></div>
        <template v-if="m.record.length"><h3>{{ w('panel.record') }}</h3><dl><template v-for="[name, value] in m.record" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></template></dl></template></cb-below>
      </div>
      <div class="cb-panel cb-crews">
        <h2>{{ w('panel.resources') }}<span>{{ going.length || '' }}</span></h2>
        <p v-if="!going.length" class="cb-empty calm">{{ w('empty.crews') }}</p>
        <cb-below :w="w"><div v-for="task in going" :key="task.id" class="cb-task">
          <span class="what" :title="task.name"><b>{{ task.crew || w('crew.nobody') }}</b><i>{{ task.name }}<template v-if="task.count > 1"> × {{ task.count }}</template></i></span>
          <span class="clock"><b>{{ task.word }}</b><i>{{ task.eta && !task.arrived ? w('crew.eta', { at: clock(task.eta) }) : task.arrived ? clock(task.arrived) : '' }}</i></span>
          <button v-if="m.assign[task.id]" class="cb-quiet" :title="w('order.assign')" @click="assign(task)">⇄</button></div></cb-below>
      </div>
      <div class="cb-panel cb-actions">
        <h2>{{ w('panel.actions') }}<span v-if="!s.seat.role">{{ w('order.sign_in_first') }}</span></h2>
        <p v-if="!m.actions.length" class="cb-empty calm">{{ w('order.nothing') }}</p>
        <div class="row"><button v-for="it in m.actions" :key="it.order" :disabled="!!s.seat.role && !it.may" :title="it.may ? it.words : it.who" @click="act(it)">
          {{ s.seat.role ? it.label : it.sign_in }}<i v-if="s.seat.role && !it.may">{{ it.who }}</i></button></div>
      </div>
    </div>
  </div>`,
  computed: {
    m() {
      return this.s.matter;
    },
    phases() {
      return PHASES.map((key) => ({ key, steps: this.m.steps.filter((step) => step.phase === key) })).filter((one) => one.steps.length);
    },
    settled() {
      return this.m.steps.filter((step) => step.stage === "done" || step.stage === "skipped").length;
    },
    going() {
      const shown = new Map();
      for (const [id, task] of Object.entries(this.m.tasks)) {
        if (!GOING.includes(task.stage)) continue;
        const key = task.crew ? id : task.name + task.stage;
        const same = shown.get(key);
        shown.set(key, same ? { ...same, count: same.count + 1 } : { id, ...task, count: 1 });
      }
      return [...shown.values()].sort((a, b) => GOING.indexOf(b.stage) - GOING.indexOf(a.stage));
    },
    current() {
      return this.m.steps.filter((step) => step.stage === "open").map((step) => step.id).join();
    },
  },
  watch: {
    current() {
      this.$nextTick(this.roll);
    },
    "m.id"() {
      this.$nextTick(this.roll);
    },
  },
  methods: {
    clock, number, when,
    // The first open step stays in sight.
    roll() {
      this.$refs.scroll?.roll(".cb-step.open");
    },
    due(step) {
      return step.stage === "open" ? clockTo(step.deadline, this.s.head.t, this.w) : null;
    },
    main(step) {
      if (step.stage === "done") return when(step.done, this.s.head.t);
      if (step.stage === "open") return this.due(step)?.text ?? this.w("step.open");
      return step.stage === "skipped" ? this.w("step.skipped") : "";
    },
    rest(step) {
      if (step.stage === "done" && step.opened && step.done - step.opened < 1000) return this.w("step.at_once");
      if (step.stage === "done" && step.opened) return this.w("step.took", { span: span(step.done - step.opened, this.w) });
      if (step.stage !== "open") return "";
      return [step.overdue ? this.w("step.overdue") : "", step.deadline ? when(step.deadline, this.s.head.t) : ""].filter(Boolean).join(" · ");
    },
    crewOf(step) {
      const mine = step.tasks.map((id) => this.m.tasks[id]).filter((task) => task?.crew);
      return step.stage === "open" && mine.length ? mine[mine.length - 1].crew : "";
    },
    act(it) {
      if (!this.s.seat.role) this.$emit("dialog", { kind: "sign_in" });
      else this.$emit("dialog", { kind: "order", ...it });
    },
    assign(task) {
      const { crews, words } = this.m.assign[task.id];
      this.$emit("dialog", { kind: "order", order: "assign", subject: task.id, label: this.w("order.assign"), needs: "crew", crews, words });
    },
  },
  mounted() {
    this.roll();
  },
};
