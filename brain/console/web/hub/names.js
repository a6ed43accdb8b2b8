// What properties, settings, orders and reasons are called in the seat's language; where nobody has named a thing, its
// identifier stands.
const SIGNS = { degC: "°C", deg: "°", 1: "" };

// A unit as it stands behind a number; declarations write it in ASCII.
export const sign = (unit) => SIGNS[unit] ?? (unit ?? "").replace(/m3/g, "m³").replace(/m2/g, "m²").replace(/^ug/, "µg");

// The word for a member of a closed set, or the member itself.
export const spoken = (w, prefix, name) => {
  const key = prefix + name, said = w(key);
  return said === key.split(".").pop() ? name : said; // as "w" says what it has no word for
};

// A number and its unit, which stands back.
export const Quantity = {
  props: { value: [Number, String], unit: String },
  template: `{{ value }}<i v-if="unit" class="unit">{{ unit }}</i>`,
};

// For a page that has asked for "/kinds": call "learn" with them, those of "first" before the rest.
export const naming = {
  components: { "cb-quantity": Quantity },
  data: () => ({ names: {}, quantities: {}, units: {} }),
  methods: {
    learn(kinds, first = "") {
      const sorted = [...kinds].sort((one, other) => (other.name === first) - (one.name === first)).reverse();
      this.names = Object.fromEntries(kinds.map((kind) => [kind.name, kind[this.lang]]));
      this.quantities = Object.fromEntries(sorted.flatMap((kind) => kind.observes.map((one) => [one.name, one[this.lang]])));
      this.units = Object.fromEntries(sorted.flatMap((kind) => [...kind.takes, ...kind.observes].map((one) => [one.name, sign(one.unit)])));
    },
    quantity(name) {
      return this.quantities[name] || name;
    },
    unit(name) {
      return this.units[name] ?? "";
    },
    setting(name) {
      return this.quantities[name] || spoken(this.w, "setting.", name);
    },
    told(given) {
      return Object.entries(given).map(([name, value]) => `${this.setting(name)} ${value} ${this.unit(name)}`.trim()).join(this.lang === "zh" ? "，" : ", ");
    },
    who(name) {
      return this.departments[name] ?? spoken(this.w, "who.", name);
    },
    ordered(one) {
      const given = this.told(one.arguments), name = spoken(this.w, "command.", one.name);
      return given ? name + this.w("hub.with", { given }) : name;
    },
    reason(name) {
      return spoken(this.w, "reason.", name);
    },
  },
};

// What was done, by the audit trail's word for it: a command bears its name behind it, a job its state.
export const deed = (w, action) => {
  const [what, ...more] = action.split(" ");
  const rest = more.join(" ");
  if (what === "command") return `${w("deed.command")} ${spoken(w, "command.", rest)}`;
  if (what === "job") return `${w("deed.job")} ${spoken(w, "hub.job_", rest)}`;
  const said = spoken(w, "deed.", action);
  return said === action ? spoken(w, "reason.", action) : said;
};
