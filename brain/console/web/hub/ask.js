// The hub's API as the portal asks it: JSON in, JSON out, and a sentence where it refuses.
export const asker = (hub) => async (path) => {
  const answer = await fetch(`${window.path_prefix ?? ""}${hub}${path}`);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Error(body.detail ?? answer.statusText);
    error.status = answer.status;
    throw error;
  }
  return body;
};

// A page that asks the same things again whenever the hub has gone on; "asks" names them.
export const asking = {
  props: { ask: Function, w: Function, lang: String, code: String, given: Object, turn: Number, theme: String, departments: Object },
  data: () => ({ trouble: "", missing: false, asked: false }),
  watch: {
    turn() {
      this.refresh();
    },
    given() {
      this.refresh();
    },
  },
  methods: {
    async refresh() {
      const mine = (this.round = (this.round ?? 0) + 1);
      try {
        const found = await this.load();
        if (mine !== this.round) return;
        Object.assign(this, found, { trouble: "", missing: false });
      } catch (error) {
        if (mine !== this.round) return;
        this.trouble = error.message;
        this.missing = error.status === 404;
      }
      this.asked = true;
    },
    owner(code) {
      return code ? (this.departments[code] ?? code) : this.w("hub.nobody");
    },
    moment(utc) {
      return utc ? new Date(Date.parse(utc) + 8 * 3600e3).toISOString().replace("T", " ").slice(0, 19) : "–";
    },
  },
  mounted() {
    this.refresh();
  },
};
