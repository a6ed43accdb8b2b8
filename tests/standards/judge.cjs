// Judges documents by validators that nobody here wrote: JSON lines {sort, document} in, {refused: [why, ...]} out.
const { createRequire } = require("module");
const readline = require("readline");
const need = createRequire(process.env.CITYBRAIN_CLIENTS + "/");

const Ajv = need("ajv").default;
const formats = need("ajv-formats").default;

function schema(file) {
  const ajv = formats(new Ajv({ strict: false, allErrors: true }));
  const check = ajv.compile(need(file));
  return (document) => (check(document) ? [] : check.errors.map((each) => `${each.instancePath} ${each.message}`));
}

const official = {
  td: schema("wot-thing-description-types/schema/td-json-schema-validation.json"),
  tm: schema("wot-thing-model-types/schema/tm-json-schema-validation.json"),
};

const { Parser } = need("@asyncapi/parser");
const { tdValidator } = need("@thing-description-playground/core");
const parser = new Parser();

const judges = {
  async td(document) {
    const said = [];
    const quiet = { checkDefaults: false, checkJsonLd: false, checkTmConformance: false }; // the last two need the network
    const { report, details } = await tdValidator(JSON.stringify(document), (text) => said.push(String(text)), quiet);
    const failed = Object.entries({ ...report, ...details }).filter(([, fate]) => fate === "failed").map(([name]) => name);
    return [...official.td(document), ...failed.map((name) => `${name}: ${said.join("; ")}`)];
  },
  async tm(document) {
    return official.tm(document);
  },
  async asyncapi(document) {
    const { diagnostics } = await parser.parse(JSON.stringify(document));
    return diagnostics.filter((each) => each.severity <= 1).map((each) => `${each.path.join("/")}: ${each.message}`);
  },
  async payload({ schema, payload }) {
    const check = new Ajv({ strict: false }).compile(schema);
    return check(payload) ? [] : check.errors.map((each) => `${each.instancePath} ${each.message}`);
  },
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { sort, document } = JSON.parse(line);
    process.stdout.write(JSON.stringify({ refused: await judges[sort](document) }) + "\n");
  }
})();
