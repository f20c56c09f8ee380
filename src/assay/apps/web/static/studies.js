// The studies: a table first, with what is training now.
"use strict";

function stateOf(row, driver) {
  if (row.problem) return "damaged";
  if (driver) return driver.state;
  if (!row.runs) return "not started";
  if (row.present + row.failed >= row.runs) return row.failed ? `${row.failed} failed` : "done";
  return "unfinished";
}

function Best({ row, version }) {
  const state = useData(row.present ? api("best", { name: row.study }) : "", version);
  if (!row.present) return null;
  if (!state.data) return html`<span class="soft">...</span>`;
  const { value, trial, metric, note } = state.data;
  if (!value) return null;
  return html`<b>${minus(value)}</b> <span class="soft">${metric}, ${trial}</span>${note ? html`<span class="question">${note}</span>` : null}`;
}

function Start({ study, scales, label = "Start" }) {
  const [scale, setScale] = useState("full");
  const run = async () => {
    const done = await post("/api/start", { study, scale });
    if (scale !== "full") go(studyAddress(done.study));
  };
  return html`<span class="start"><label class="hidden" for="scale-${study}">Scale of ${study}</label>
    <select id="scale-${study}" value=${scale} onChange=${(e) => setScale(e.target.value)}>
    ${scales.map((s) => html`<option>${s}</option>`)}</select>
    <${Act} run=${run} aria-label="${label} ${study}">${label}<//></span>`;
}

const Stop = ({ study }) => html`<${Act} run=${() => post("/api/stop", { study })} busy="Stopping ..." aria-label="Stop ${study}">Stop<//>`;

function StudyRow({ row, drivers, version }) {
  const driver = drivers[0];
  const done = driver ? driver.done : row.present + row.failed;
  const total = driver ? driver.total : row.runs;
  const state = stateOf(row, driver);
  return html`<tr>
    <th scope="row" class="left"><${Link} to=${row.stored ? studyAddress(row.study) : `/edit/${encodeURIComponent(row.study)}`}>${row.study}<//>
      <span class="question">${row.problem || row.question}</span></th>
    <td class="left state ${state.split(" ").pop()}">${state}</td>
    <td class="left">${total ? html`<${Bar} done=${done} total=${total} label="${row.study}: runs done" /> <span class="soft">${count(done)} of ${count(total)}</span>` : null}</td>
    <td class="right">${driver ? duration(driver.seconds_left) : ""}</td>
    <td class="left"><${Best} row=${row} version=${version} /></td>
    <td class="left">${saved ? null : driver ? html`<${Stop} study=${row.study} />`
      : state === "done" || state === "damaged" ? null
        : row.stored ? trains(row.command) && html`<${Act} run=${() => post("/api/start", { study: row.study })} aria-label="Resume ${row.study}">Resume<//>`
          : html`<${Start} study=${row.study} scales=${["full", "quick", "smoke"]} />`}</td></tr>`;
}

function StudyTable({ title, rows, now, id }) {
  if (!rows.length) return null;
  return html`<section><h2 id=${id}>${title}</h2>
    <div class="scroll" role="region" aria-labelledby=${id} tabindex="0"><table class="studies">
    <thead><tr>${["study", "state", "progress", "time left", "best", ""].map((t, i) => html`<th scope="col" class=${i === 3 ? "right" : "left"}>${t || html`<span class="hidden">action</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<${StudyRow} key=${row.study} row=${row} drivers=${driversOf(row.study)} version=${now.versions[row.study] || ""} />`)}</tbody></table></div></section>`;
}

// The ends of drivers that this server started and that failed.
function Failures() {
  const now = useNews();
  const state = useData(saved ? "" : api("drivers"), String(now.drivers.length));
  const wrong = (state.data || []).filter((d) => d.status !== null && ![0, 130, -15].includes(d.status));
  return wrong.map((d) => html`<details class="beware"><summary>${d.study} ended with status ${d.status}</summary><pre>${d.log}</pre></details>`);
}

function Studies() {
  const now = useNews();
  const state = useData(api("studies"), now.moment);
  const [find, setFind] = useSetting("find");
  document.title = "Studies - assay";
  return html`<h1>Studies</h1>
    <${Drivers} drivers=${now.drivers} /><${Failures} />
    <${Waiting} state=${state}>${(data) => {
      const words = find.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = data.studies.filter((r) => words.every((w) => `${r.study} ${r.question}`.toLowerCase().includes(w)));
      const own = data.written.filter((name) => !rows.some((r) => r.study === name)).filter((n) => words.every((w) => n.toLowerCase().includes(w)));
      const blank = (study) => ({ study, question: "written here, not started", present: 0, runs: 0, failed: 0, problem: "", stored: false });
      const stored = [...rows.filter((r) => r.stored), ...own.map(blank)];
      stored.sort((a, b) => driversOf(b.study).length - driversOf(a.study).length || (b.updated || "").localeCompare(a.updated || ""));
      return html`<p class="tools"><label>Find <input type="search" value=${find} onInput=${(e) => setFind(e.target.value)} /></label>
        ${!saved && html`<${Link} to="/new" class="button">Write a study<//> <button type="button" onClick=${savePage}>This page as one file</button>`}</p>
        ${!stored.length && html`<p>No study in <code>${data.store}</code> yet: start a built-in one below, or write your own.</p>`}
        <${StudyTable} title="In the store" id="stored" rows=${stored} now=${now} />
        <${StudyTable} title="Built in" id="built-in" rows=${rows.filter((r) => !r.stored)} now=${now} />`;
    }}<//>`;
}
