// Asks before anything is done: who sits here, and whether the order is meant.
const SEATS = ["operator", "commander"];

export default {
  props: { ask: Object, s: Object, w: Function },
  emits: ["say", "close"],
  template: `
  <dialog ref="box" class="cb-dialog" @close="$emit('close')" @click.self="shut">
    <form v-if="ask.kind === 'sign_in'" @submit.prevent="enter">
      <h2>{{ w('seat.sign_in') }}</h2>
      <label>{{ w('seat.name') }}<select v-model="seat"><option v-for="it in seats" :key="it" :value="it">{{ w('seat.' + it) }}</option></select></label>
      <label>{{ w('seat.password') }}<input v-model="password" type="password" autocomplete="current-password" autofocus required ref="secret" :aria-invalid="!!error" @input="error = ''" /></label>
      <p v-if="error" class="wrong" role="alert">{{ error }}</p>
      <p class="hint">{{ w('seat.hint') }}</p>
      <div class="row"><button type="button" class="cb-quiet" @click="shut">{{ w('seat.cancel') }}</button><button class="main" :disabled="asked">{{ w('seat.enter') }}</button></div>
    </form>
    <form v-else @submit.prevent="give">
      <h2>{{ w('order.ask') }} · {{ ask.label }}</h2>
      <p class="words">{{ ask.words }}</p>
      <label v-if="ask.needs === 'level'">{{ w('order.level') }}<span class="levels"><button v-for="n in 4" :key="n" type="button" :class="['l' + n, { on: level === n }]" :aria-pressed="level === n" @click="level = n">{{ w('level.l' + n) }}</button></span></label>
      <label v-if="ask.needs === 'why'">{{ w('order.why') }}<input v-model="why" required maxlength="200" autofocus /></label>
      <label v-if="ask.needs === 'crew'">{{ w('order.crew') }}<select v-model="crew"><option v-for="[code, name] in ask.crews" :key="code" :value="code">{{ name }}</option></select></label>
      <p class="hint">{{ s.seat.word }}</p>
      <div class="row"><button type="button" class="cb-quiet" @click="shut">{{ w('seat.cancel') }}</button><button class="main">{{ w('order.give') }}</button></div>
    </form>
  </dialog>`,
  data() {
    return { error: "", asked: false, seats: SEATS, seat: SEATS[0], password: "", why: "", level: this.ask.level || 3, crew: this.ask.crews?.[0]?.[0] ?? "" };
  },
  watch: {
    // The seat's answer: in, or why not, beside the field.
    "s.told.id"() {
      if (this.ask.kind !== "sign_in" || !this.asked) return;
      this.asked = false;
      if (this.s.seat.role) return this.shut();
      this.error = this.s.told.text;
      this.password = "";
      this.$nextTick(() => this.$refs.secret?.focus());
    },
  },
  methods: {
    shut() {
      this.$refs.box.close();
    },
    enter() {
      this.error = "";
      this.asked = true;
      this.$emit("say", { what: "sign_in", seat: this.seat, password: this.password });
    },
    give() {
      const given = { level: this.level, why: this.why, crew: this.crew }[this.ask.needs];
      const given_as = this.ask.needs ? { [this.ask.needs]: given } : {};
      this.$emit("say", { what: "order", order: this.ask.order, subject: this.ask.subject, arguments: given_as });
      this.shut();
    },
  },
  mounted() {
    this.$refs.box.showModal();
  },
};
