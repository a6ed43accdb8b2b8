// What the page is made of.
import Head from "./head.js";
import Alert from "./alert.js";
import Vitals from "./vitals.js";
import Chart from "./chart.js";
import Map from "./map.js";
import Person from "./person.js";
import Matter from "./matter.js";
import Below from "./below.js";
import Loop from "./loop.js";
import Dialog from "./dialog.js";
import Told from "./told.js";
import { Level, Spark } from "./marks.js";
import HubBridges from "./hub/bridges.js";
import HubDevices from "./hub/devices.js";
import HubDevice from "./hub/device.js";
import HubHealth from "./hub/health.js";
import HubJobs from "./hub/jobs.js";
import HubObject from "./hub/object.js";
import { Alarms, Ledger, Quarantine } from "./hub/books.js";

Vitals.components = { "cb-spark": Spark, "cb-chart": Chart, "cb-level": Level };
Person.components = { "cb-level": Level, "cb-matter": Matter };
Matter.components = { "cb-level": Level, "cb-below": Below };
Loop.components = { "cb-level": Level };
Head.components = { "cb-level": Level };

export const parts = {
  "cb-head": Head,
  "cb-alert": Alert,
  "cb-vitals": Vitals,
  "cb-map": Map,
  "cb-person": Person,
  "cb-loop": Loop,
  "cb-dialog": Dialog,
  "cb-told": Told,
};
export const hubPages = {
  "cb-hub-devices": HubDevices,
  "cb-hub-device": HubDevice,
  "cb-hub-object": HubObject,
  "cb-hub-health": HubHealth,
  "cb-hub-jobs": HubJobs,
  "cb-hub-bridges": HubBridges,
  "cb-hub-alarms": Alarms,
  "cb-hub-ledger": Ledger,
  "cb-hub-quarantine": Quarantine,
};
export { asker } from "./hub/ask.js";
export { newState, merge, speaker, deepLink } from "./state.js";
export { keys } from "./keys.js";
