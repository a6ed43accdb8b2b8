// The page's root: holds the panels, applies what changes, and passes on what the person says.
import { parts, newState, merge, speaker, keys, deepLink } from "citybrain-console";

export default {
  components: parts,
  props: { first: Object, land: String, hub: String, resourcePath: String },
  emits: ["say"],
  template: `
  <div class="cb" :class="{ war: !!s.matter.id, lost: lost }" :data-theme="theme">
    <cb-head :s="s" :w="w" :lost="lost" :hub="hub" @say="say" @theme="turn" @dialog="dialog = $event" @go="go" ref="head" />
    <cb-alert :s="s" :w="w" :lost="lost" :since="lostAt" />
    <main class="cb-main">
      <cb-vitals :s="s" :w="w" :theme="theme" @say="say" />
      <cb-map :s="s" :w="w" :land="land" :theme="theme" :resources="resourcePath" :hub="hub" @say="say" ref="map" />
      <cb-person :s="s" :w="w" @say="say" @dialog="dialog = $event" @go="go" />
    </main>
    <cb-loop :s="s" :w="w" @say="say" />
    <cb-told :s="s" :w="w" />
    <cb-dialog v-if="dialog" :ask="dialog" :s="s" :w="w" @say="say" @close="dialog = null" />
  </div>`,
  data() {
    return { s: newState(this.first), dialog: null, theme: "dark", lost: false, lostAt: 0 };
  },
  computed: {
    w() {
      return speaker(this.s.words);
    },
  },
  methods: {
    patch(change) {
      merge(this.s, change);
      deepLink(this.s.seat);
    },
    say(said) {
      if (!this.lost) this.$emit("say", said);
    },
    go(place) {
      this.$refs.map.go(place);
    },
    turn() {
      this.theme = this.theme === "dark" ? "light" : "dark";
      localStorage.setItem("citybrain-theme", this.theme);
    },
    look() {
      const seen = document.visibilityState === "visible";
      this.$emit("say", { what: "awake", awake: seen });
    },
    listen() {
      window.socket.on("disconnect", () => {
        this.lost = true;
        this.lostAt = Date.now();
      });
      window.socket.on("connect", () => (this.lost = false));
    },
  },
  mounted() {
    this.theme = localStorage.getItem("citybrain-theme") === "light" ? "light" : "dark";
    document.addEventListener("visibilitychange", this.look);
    this.unbind = keys(this);
    performance.mark("citybrain-ready");
    deepLink(this.s.seat);
    const wait = () => (window.socket ? this.listen() : requestAnimationFrame(wait));
    wait();
  },
  unmounted() {
    document.removeEventListener("visibilitychange", this.look);
    this.unbind();
  },
};
