// What became of what this person did: said once, gone by itself.
export default {
  props: { s: Object, w: Function },
  template: `<transition name="cb-fade"><div v-if="shown" class="cb-told" :class="s.told.kind" role="status">
    {{ s.told.text }}</div></transition>`,
  data: () => ({ shown: false }),
  watch: {
    "s.told.id"(id) {
      clearTimeout(this.timer);
      this.shown = !!id && this.s.told.kind !== "sign_in";
      this.timer = setTimeout(() => (this.shown = false), 8000);
    },
  },
};
