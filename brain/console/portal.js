// The portal's root: one page of the hub at a time, chosen by the address behind "#".
import { hubPages, speaker, asker } from "citybrain-console";

const PAGES = ["devices", "health", "jobs", "bridges", "alarms", "ledger", "quarantine"];

export default {
  components: hubPages,
  props: { hub: String, lang: String, city: String, words: Object, departments: Object },
  template: `
  <div class="cb cb-hub" :data-theme="theme">
    <header class="cb-head">
      <div class="cb-brand">
        <svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2 14V8h3v6zm4.5 0V3h3v11zM11 14v-8h3v8z" /></svg>
        <h1>{{ city }}<i>{{ w('hub.title') }}</i></h1>
      </div>
      <nav class="cb-tabs">
        <a v-for="one in pages" :key="one" :href="'#/' + one" :class="{ here: one === tab }">{{ w('hub.' + one) }}</a>
      </nav>
      <div class="cb-clock"><b>{{ time }}</b><span>{{ date }}</span></div>
      <div class="cb-age">{{ w('hub.total', { n: health.devices ?? '–' }) }}</div>
      <a class="cb-link" :href="'./' + (lang === 'zh' ? '' : '?lang=' + lang)">{{ w('hub.centre') }}</a>
      <button class="cb-quiet" @click="turn" :title="w('head.theme')" :aria-label="w('head.theme')">◐</button>
      <a class="cb-link cb-lang" :href="otherLanguage" :title="w('head.switch_language')">{{ w('head.other_language') }}</a>
    </header>
    <p v-if="trouble" class="cb-alert" role="alert">{{ w('hub.no_answer', { why: trouble }) }}</p>
    <main class="cb-hub-main">
      <component :is="'cb-hub-' + page" :key="page + ':' + code" :ask="ask" :w="w" :lang="lang" :code="code"
        :given="given" :turn="beat" :theme="theme" :departments="departments" />
    </main>
  </div>`,
  data() {
    return { theme: "dark", page: "devices", code: "", given: {}, health: {}, trouble: "", bridged: false, beat: 0, hash: "" };
  },
  computed: {
    w() {
      return speaker(this.words);
    },
    pages() {
      return PAGES.filter((one) => one !== "bridges" || this.bridged);
    },
    tab() {
      return PAGES.includes(this.page) ? this.page : "devices";
    },
    otherLanguage() {
      return `${this.lang === "zh" ? "?lang=en" : "?lang=zh"}${this.hash}`;
    },
    local() {
      return this.health.time ? new Date(Date.parse(this.health.time) + 8 * 3600e3).toISOString() : "";
    },
    time() {
      return this.local.slice(11, 19) || "––:––";
    },
    date() {
      return this.local.slice(0, 10);
    },
  },
  methods: {
    turn() {
      this.theme = this.theme === "dark" ? "light" : "dark";
      localStorage.setItem("citybrain-theme", this.theme);
    },
    go() {
      this.hash = window.location.hash;
      const [path, query] = this.hash.replace(/^#\/?/, "").split("?");
      const [page, code] = path.split("/");
      this.page = [...PAGES, "device", "object"].includes(page) ? page : "devices";
      this.code = /^\d{1,18}$/.test(code ?? "") ? code : "";
      this.given = Object.fromEntries(new URLSearchParams(query ?? ""));
    },
    async look() {
      if (document.visibilityState !== "visible") return;
      try {
        this.health = await this.ask("/health");
        if (!this.bridged) this.bridged = (await this.ask("/bridges")).length > 0;
        this.trouble = "";
        this.beat += 1;
      } catch (error) {
        this.trouble = error.message;
      }
    },
  },
  created() {
    this.ask = asker(this.hub);
    this.go();
  },
  mounted() {
    document.documentElement.lang = this.lang === "zh" ? "zh-CN" : "en";
    this.theme = localStorage.getItem("citybrain-theme") === "light" ? "light" : "dark";
    window.addEventListener("hashchange", this.go);
    document.addEventListener("visibilitychange", this.look);
    this.look();
    this.timer = setInterval(this.look, 2000);
    performance.mark("citybrain-ready");
  },
  unmounted() {
    clearInterval(this.timer);
    window.removeEventListener("hashchange", this.go);
    document.removeEventListener("visibilitychange", this.look);
  },
};
