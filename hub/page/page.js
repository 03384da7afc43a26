// The operator's page: asks the API, follows the stream, draws. Nothing from other hosts; texts become text nodes, never markup.
"use strict";

const $ = (id) => document.getElementById(id);
const DAY_MS = 86400000, RATE_S = 300, POINTS = 60, SHOWN = 200;
// What people call the common registers; others show their code.
const NAMES = {"1-0:1.8.0": "import", "1-0:2.8.0": "export", "1-0:3.8.0": "reactive in", "1-0:4.8.0": "reactive out", "1-0:16.7.0": "power",
  "1-0:32.7.0": "L1", "1-0:52.7.0": "L2", "1-0:72.7.0": "L3", "1-0:31.7.0": "L1", "1-0:51.7.0": "L2", "1-0:71.7.0": "L3",
  "1-0:14.7.0": "frequency", "1-0:13.7.0": "power factor"};
const devices = new Map();  // address -> device of the API
const series = new Map();   // address + OBIS -> the last values, numbers
const arrivals = [];        // second -> readings, the last five minutes; before the page was opened, by capture time
const events = [];
let stream = null, dirty = true;

function element(name, props = {}, ...children) {
  const node = Object.assign(document.createElement(name), props);
  node.append(...children);
  return node;
}

function ago(ms) {
  const s = Math.max(0, (Date.now() - ms) / 1000);
  if (s < 90) return `${Math.round(s)} s ago`;
  if (s < 5400) return `${Math.round(s / 60)} min ago`;
  if (s < 2 * 86400) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} days ago`;
}

const utc = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19);

function svg(name, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

// A line through the values, scaled into width by height; flat in the middle when all are equal.
function line(values, width, height) {
  const low = Math.min(...values), high = Math.max(...values), pad = 2;
  const x = (i) => (i * width / Math.max(1, values.length - 1)).toFixed(1);
  const y = (v) => (high === low ? height / 2 : height - pad - (v - low) / (high - low) * (height - 2 * pad)).toFixed(1);
  return values.map((v, i) => `${i ? "L" : "M"}${x(i)} ${y(v)}`).join("");
}

function spark(values) {
  const picture = svg("svg", {viewBox: "0 0 90 20", role: "img", "aria-label": `last ${values.length} values`});
  picture.append(svg("path", {d: line(values, 90, 20)}));
  return picture;
}

function remember(reading) {
  const key = reading.device + reading.obis;
  if (!series.has(key)) series.set(key, []);
  const values = series.get(key);
  values.push(Number(reading.total ?? reading.value));
  if (values.length > POINTS) values.shift();
}

function count(ms) {
  const second = Math.floor(ms / 1000), slot = arrivals[second % RATE_S];
  if (slot?.second === second) ++slot.count; else arrivals[second % RATE_S] = {second, count: 1};
}

function take(reading) {
  remember(reading);
  count(Date.now());
  const device = devices.get(reading.device);
  if (device) {
    const old = device.last.find((v) => v.obis === reading.obis);
    if (old) Object.assign(old, reading); else device.last.push(reading);
    device.last_seen_ms = Math.max(device.last_seen_ms, reading.time_ms);
  }
  dirty = true;
}

function drawRate() {
  const now = Math.floor(Date.now() / 1000), counts = [];
  for (let s = now - RATE_S + 1; s <= now; ++s) {
    const a = arrivals[s % RATE_S];
    counts.push(a && a.second === s ? a.count : 0);
  }
  $("n-rate").textContent = counts.slice(-60).reduce((a, b) => a + b, 0);
  const most = Math.max(1, ...counts);
  const d = counts.map((c, i) => `${i ? "L" : "M"}${(i * 600 / (RATE_S - 1)).toFixed(1)} ${(85 - c / most * 80).toFixed(1)}`).join("");
  $("most").textContent = `at most ${most} in a second`;
  $("rate").replaceChildren(svg("path", {class: "area", d: d + "L600 85L0 85Z"}), svg("path", {d}));
}

function drawDevices() {
  const wanted = $("find").value.trim().toLowerCase();
  const all = [...devices.values()].sort((a, b) => a.device < b.device ? -1 : 1);  // rows stay where they are
  const fit = all.filter((d) => !wanted || d.device.includes(wanted) || d.receiver.toLowerCase().includes(wanted) || d.last.some((v) => v.obis.includes(wanted) || NAMES[v.obis]?.includes(wanted)));
  $("devices").tBodies[0].replaceChildren(...fit.slice(0, SHOWN).map((d) => {
    const silent = Date.now() - d.last_seen_ms > DAY_MS;
    const values = d.last.map((v) => {
      const part = element("span", {className: "value"}, element("small", {textContent: (NAMES[v.obis] ?? v.obis) + " ", title: v.obis}), `${v.total ?? v.value} ${v.unit}`);
      const past = series.get(d.device + v.obis);
      if (past && past.length > 1) part.append(spark(past));
      return part;
    });
    return element("tr", {}, element("td", {className: "id", textContent: d.device, title: `${d.receiver}, ${d.profile}`}),
      element("td", {className: silent ? "warn" : "", textContent: ago(d.last_seen_ms), title: utc(d.last_seen_ms) + " UTC"}),
      element("td", {className: "n", textContent: d.frames}), element("td", {className: "n", textContent: d.snr_db.toFixed(1)}),
      element("td", {className: "n", textContent: d.clock_offset_ppm.toFixed(1)}), element("td", {}, element("div", {className: "values"}, ...values)));
  }));
  $("n-devices").textContent = all.length;
  $("n-silent").textContent = all.filter((d) => Date.now() - d.last_seen_ms > DAY_MS).length;
  $("none").hidden = all.length > 0;
  $("devices").hidden = all.length === 0;
  $("more").hidden = fit.length <= SHOWN;
  $("more").textContent = `${fit.length - SHOWN} more: search for them above.`;
}

function drawEvents() {
  $("events").hidden = events.length === 0;
  $("noevents").hidden = events.length > 0;
  $("events").tBodies[0].replaceChildren(...events.slice(0, 20).map((e) => element("tr", {},
    element("td", {textContent: utc(e.time_ms)}), element("td", {className: "id", textContent: e.device ?? ""}),
    element("td", {textContent: e.kind}), element("td", {textContent: e.detail}))));
}

function drawSinks(sinks) {
  $("sinks").hidden = sinks.length === 0;
  $("nosinks").hidden = sinks.length > 0;
  $("n-wait").textContent = sinks.reduce((sum, s) => sum + s.backlog, 0);
  $("sinks").tBodies[0].replaceChildren(...sinks.map((s) => element("tr", {}, element("td", {textContent: s.sink}),
    element("td", {className: s.up ? "good" : "bad", textContent: s.up ? "up" : s.trouble}), element("td", {className: "n", textContent: s.backlog}),
    element("td", {className: "n" + (s.lost ? " bad" : ""), textContent: s.lost}),
    element("td", {className: "n" + (s.refused ? " bad" : ""), textContent: s.refused}))));
}

async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.status === 401) throw new Error("login");
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `status ${answer.status}`);
  return answer.json();
}

async function list(name) {
  const rows = [];
  for (let cursor = ""; cursor !== null;) {
    const page = await ask(`/api/v1/${name}?limit=1000${cursor && "&cursor=" + cursor}`);
    rows.push(...page[name]);
    cursor = page.next_cursor;
  }
  return rows;
}

function pill(id, kind, text) {
  $(id).className = "pill " + kind;
  $(id).textContent = text;
}

async function refresh() {
  try {
    const health = await fetch("/healthz");
    pill("health", health.ok ? "good" : "bad", health.ok ? "database ok" : (await health.json()).error);
    for (const device of await list("devices")) devices.set(device.device, device);
    drawSinks((await ask("/api/v1/sinks")).sinks);
    dirty = true;
  } catch (error) {
    if (error.message === "login") return showLogin();
    pill("health", "bad", "the hub does not answer");
  }
}

function follow() {
  stream = new EventSource("/api/v1/stream");
  stream.onopen = () => pill("live", "good", "live");
  stream.onerror = () => pill("live", "warn", "reconnecting");
  stream.addEventListener("reading", (e) => take(JSON.parse(e.data)));
  stream.addEventListener("event", (e) => { events.unshift(JSON.parse(e.data)); events.length = Math.min(events.length, 20); drawEvents(); });
}

function showLogin() {
  stream?.close();
  stream = null;
  document.querySelector("main").hidden = true;
  $("login").hidden = false;
  $("user").focus();
}

async function begin() {
  try {
    const me = await ask("/api/v1/me");
    $("me").textContent = me.user ? `${me.user} (${me.role})` : "nobody has a password: reading only";
    $("logout").hidden = !me.user;
    $("login").hidden = true;
    document.querySelector("main").hidden = false;
    for (const reading of (await ask("/api/v1/readings?order=desc&limit=1000")).readings.reverse()) {
      remember(reading);
      if (Math.abs(Date.now() - reading.time_ms) < RATE_S * 1000) count(reading.time_ms);
    }
    events.splice(0, events.length, ...(await ask("/api/v1/events?order=desc&limit=20")).events);
    drawEvents();
    await refresh();
    if (!stream) follow();
  } catch (error) {
    if (error.message === "login") showLogin(); else pill("health", "bad", error.message);
  }
}

$("login").addEventListener("submit", async (e) => {
  e.preventDefault();
  const answer = await fetch("/api/v1/login", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({user: $("user").value, password: $("password").value})});
  $("password").value = "";
  $("wrong").textContent = answer.ok ? "" : (await answer.json()).error;
  if (answer.ok) begin();
});
$("logout").addEventListener("click", async () => { await fetch("/api/v1/logout", {method: "POST"}); showLogin(); });
$("find").addEventListener("input", drawDevices);

setInterval(() => { if (!document.querySelector("main").hidden) { drawRate(); if (dirty) { dirty = false; drawDevices(); } } }, 1000);
setInterval(() => { if (stream) refresh(); }, 10000);
begin();
