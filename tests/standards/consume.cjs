// Reads a property and invokes an action of a thing, knowing nothing but the address of its description (Eclipse Thingweb).
const { createRequire } = require("module");
const need = createRequire(process.env.CITYBRAIN_CLIENTS + "/");
const { Servient } = need("@node-wot/core");
const { HttpClientFactory } = need("@node-wot/binding-http");

const [, , url, token, property, action, given] = process.argv;

async function refusal(attempt) {
  try {
    await attempt();
    return null;
  } catch (error) {
    return String(error.message);
  }
}

(async () => {
  const servient = new Servient();
  servient.addClientFactory(new HttpClientFactory());
  const WoT = await servient.start();
  const description = await WoT.requestThingDescription(url);
  const thing = await WoT.consume(description);
  const read = await (await thing.readProperty(property)).value();
  const silent = Object.keys(description.properties).find((name) => name !== property);
  const unread = await refusal(async () => (await thing.readProperty(silent)).value());
  const order = { name: action, arguments: JSON.parse(given), valid_s: 60 };
  // node-wot 0.9.2 holds one security for all forms of a thing: for the order it is the one that the action's form names
  servient.addCredentials({ [description.id]: { token } });
  const [form] = description.actions[action].forms;
  const forms = [{ ...form, security: undefined }];
  const actions = { [action]: { ...description.actions[action], forms } };
  const ordered = await WoT.consume({ ...description, security: form.security, actions });
  const refused = await refusal(() => ordered.invokeAction(action, { ...order, valid_s: -1 }));
  const answer = await (await ordered.invokeAction(action, order)).value();
  process.stdout.write(JSON.stringify({ read, unread, refused, order: answer }) + "\n");
  await servient.shutdown();
})();
