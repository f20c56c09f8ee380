// One study: its answer, effects, curves, runs, and what can be taken away.
"use strict";

function StudyHead({ name, data, drivers }) {
  const { counts } = data, open = counts.missing + counts.failed > 0;
  const bad = ["diverged", "failed"].filter((k) => counts[k]).map((k) => `${counts[k]} ${k}`);
  return html`<p class="kind">${data.study}${data.scale !== "full" ? ` (scale ${data.scale})` : ""}</p>
    <h1>${data.question || data.study}</h1>
    <p class="facts">${many(counts.trials, "trial")}, ${count(counts.finished)} of ${many(counts.planned, "run")} finished${bad.length ? `, ${bad.join(", ")}` : ""}.
      ${data.when.seconds ? ` ${duration(data.when.seconds)} of training.` : ""}</p>
    ${!saved && html`<p class="tools">${drivers.length ? html`<${Stop} study=${name} />`
      : open && trains(data.command) && html`<${Act} run=${() => post("/api/start", { study: name })} aria-label="Resume ${name}">Resume<//>`}
      ${data.edits && html`<${Link} to="/edit/${encodeURIComponent(name.split("@")[0])}" class="button">Edit<//>`}
      <${Take} name=${name} /></p>`}
    <${Drivers} drivers=${drivers} />`;
}

function Take({ name }) {
  const at = (kind) => `/download/${kind}?name=${encodeURIComponent(name)}`;
  const menu = useRef(null);
  useEffect(() => { // a click elsewhere and Escape close it
    const close = (event) => {
      if (!menu.current.open || (event.key ? event.key !== "Escape" : menu.current.contains(event.target))) return;
      menu.current.open = false;
      if (event.key) menu.current.firstElementChild.focus();
    };
    addEventListener("keydown", close);
    addEventListener("pointerdown", close);
    return () => { removeEventListener("keydown", close); removeEventListener("pointerdown", close); };
  }, []);
  return html`<details class="menu" ref=${menu}><summary class="button">Download</summary><ul>
    <li><a href=${at("report")}>Report</a></li>
    ${["csv", "json", "markdown"].map((k) => html`<li><a href=${at(k)}>Table as ${k === "csv" ? "CSV" : k === "json" ? "JSON" : "Markdown"}</a></li>`)}
    <li><a href=${at("runs")}>Every run as CSV</a></li>
    <li><button type="button" onClick=${savePage}>This page as one file</button></li></ul></details>`;
}

// Differences with their intervals, a row a comparison, against zero.
function Forest({ table }) {
  const every = table.data.map((d, i) => ({ ...d, texts: table.rows[i] })).filter((d) => d.difference !== null);
  const pooled = every.filter((d) => d.pooled > 1);
  const rows = (every.length > 30 && pooled.length ? pooled : every).slice(0, 40);
  const ends = rows.flatMap((d) => [d.low ?? d.difference, d.high ?? d.difference, 0]);
  // one interval of two runs must not press all others together: the axis ends before the widest
  const sizes = rows.map((d) => (d.high ?? d.difference) - (d.low ?? d.difference)).sort((a, b) => a - b);
  const bound = Math.max(1.1 * Math.max(...rows.map((d) => Math.abs(d.difference))), 1.5 * (sizes[Math.floor(sizes.length / 2)] || 0));
  const [low, high] = [Math.max(-bound, Math.min(...ends)), Math.min(bound, Math.max(...ends))];
  if (!(high > low)) return null;
  const x = (v) => Math.min(100, Math.max(0, 100 * (v - low) / (high - low)));
  return html`<div class="scroll" role="region" aria-label="Effects" tabindex="0"><table class="forest"><caption>Effect of each factor: ${table.columns[3].header}</caption><tbody>
    ${rows.map((d) => {
      const called = ["better", "worse", "higher", "lower", "different"].includes(d.verdict);
      return html`<tr><th scope="row" class="left">${d.texts[0]}: ${d.texts[1]}</th>
        <td class="track" aria-hidden="true"><i class="zero" style=${{ left: `${x(0)}%` }}></i>
          ${d.low !== null && html`<i class="reach" style=${{ left: `${x(d.low)}%`, width: `${x(d.high) - x(d.low)}%` }}></i>`}
          <i class="dot ${called ? d.verdict : "none"}" style=${{ left: `${x(d.difference)}%` }}></i></td>
        <td class="right">${minus(d.texts[3])}</td><td class="left ${d.verdict}">${d.verdict}</td></tr>`;
    })}</tbody></table></div>`;
}

function Effects({ name, version }) {
  const state = useData(api("effects", { name }), version);
  return html`<${Waiting} state=${state}>${(data) => html`<${Sentences} answers=${data.answers} />
    ${data.effects && html`<${Section} title="Effects" id="effects"><${Forest} table=${data.effects} />
      <${Fold} title=${data.effects.rows.length > 1 ? `All ${count(data.effects.rows.length)} comparisons` : "The comparison as a table"}><${ReportTable} table=${data.effects} name="comparisons" sortable=${true} /><//>
      ${data.levels && html`<${Fold} title="Means by level"><${ReportTable} table=${data.levels} name="levels" /><//>`}<//>`}
    ${data.published && html`<${Section} title="Published values" id="published"><${ReportTable} table=${data.published} name="published-table" /><//>`}`}<//>`;
}

// Every run: sorted, filtered, and two or more beside each other.
function Runs({ name, version }) {
  const state = useData(api("runs", { name }), version);
  const [find, setFind] = useSetting("runs");
  const [order, setOrder] = useSetting("sort");
  const [picked, setPicked] = useSetting("compare");
  return html`<${Waiting} state=${state}>${(data) => html`<${RunTable} ...${{ data, find, setFind, order, setOrder, picked, setPicked }} />`}<//>`;
}

function RunTable({ data, find, setFind, order, setOrder, picked, setPicked }) {
  const [shown, setShown] = useState(100);
  const columns = useMemo(() => [
    { name: "run", of: (r) => r.run.slice(0, 8), side: "left" }, { name: "trial", of: (r) => r.trial, side: "left" },
    ...data.factors.map((f, i) => ({ name: f.split(".").pop(), of: (r) => r.levels[i], side: "left" })).filter((c) => c.name !== "trial"),
    { name: "seed", of: (r) => r.seed }, { name: "status", of: (r) => r.status, side: "left", text: (v, r) => html`${v}${r.message && html`<span class="question">${r.message}</span>`}` },
    ...data.columns.map((c, i) => ({
      name: c.title, beside: c.beside,
      of: (r) => r.values[i], text: (v) => fixed(v === null ? null : v * c.scale, c.decimals),
    })).filter((c) => !c.beside), { name: "seconds", of: (r) => r.seconds, text: (v) => (v === null ? "-" : v.toFixed(v < 1 ? 2 : 1)) },
  ], [data]);
  const rows = useMemo(() => {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (r) => `${r.run} ${r.trial} ${r.levels.join(" ")} seed=${r.seed} ${r.status} ${r.message}`.toLowerCase();
    const seed = /^seed=(\d+)$/; // not seed=3 in seed=31
    let all = data.rows.filter((r) => words.every((w) => (seed.test(w) ? `${r.seed}` === w.match(seed)[1] : text(r).includes(w))));
    const [column, way] = [columns.find((c) => c.name === order.replace(/^-/, "")), order.startsWith("-") ? -1 : 1];
    if (column) all = [...all].sort((a, b) => way * compare(column.of(a), column.of(b)));
    return all;
  }, [data, find, order]);
  const chosen = picked.split(",").filter(Boolean);
  const pick = (run) => setPicked((chosen.includes(run) ? chosen.filter((r) => r !== run) : [...chosen, run].slice(-10)).join(","));
  const turn = (c) => setOrder(order === c.name ? `-${c.name}` : c.name);
  return html`<p class="tools"><label>Filter <input type="search" value=${find} placeholder="seed=3, failed" onInput=${(e) => setFind(e.target.value)} /></label>
      <span class="soft" role="status">${many(rows.length, "run")}</span></p>
    <${Compare} runs=${chosen} />
    <div class="scroll tall" role="region" aria-label="Runs" tabindex="0"><table class="runs">
    <thead><tr><th scope="col"><span class="hidden">compare</span></th>${columns.map((c) => html`<th scope="col" class=${c.side || "right"} aria-sort=${order === c.name ? "ascending" : order === `-${c.name}` ? "descending" : undefined}><button type="button" class="sort" onClick=${() => turn(c)}>${c.name}</button></th>`)}</tr></thead>
    <tbody>${rows.slice(0, shown).map((r) => html`<tr key=${r.run} class=${r.status}><td><input type="checkbox" aria-label="Compare run ${r.run.slice(0, 8)}" checked=${chosen.includes(r.run)} disabled=${r.status === "missing"} onChange=${() => pick(r.run)} /></td>
      ${columns.map((c, i) => (i === 0 ? html`<td class="left">${r.status === "missing" ? c.of(r) : html`<${Link} to=${runAddress(r.run)}>${c.of(r)}<//>`}</td>` : html`<td class=${c.side || "right"}>${c.text ? c.text(c.of(r), r) : c.of(r) ?? "-"}</td>`))}</tr>`)}</tbody></table></div>
    ${data.columns.some((c) => c.beside) && html`<p class="note">The ends of intervals over images and the floors are on the page of each run and in the CSV file.</p>`}
    ${rows.length > shown && html`<p><button type="button" onClick=${() => setShown(shown + 500)}>Show more (${count(rows.length - shown)})</button></p>`}`;
}

// What differs between runs: settings and results that are not the same in all of them.
function Compare({ runs }) {
  const [found, set] = useState({ list: [], error: "" });
  useEffect(() => {
    let left = false;
    Promise.all(runs.map((run) => get(api("run", { id: run }))))
      .then((list) => !left && set({ list, error: "" }), (error) => !left && set({ list: [], error: error.message }));
    return () => { left = true; };
  }, [runs.join()]);
  if (runs.length < 2) return runs.length ? html`<p class="note">Choose another run to compare them.</p>` : null;
  const flat = found.list.map((r) => new Map([...r.config, ...r.metrics.map((m) => [m.title, m.text])]));
  const names = [...new Set(flat.flatMap((m) => [...m.keys()]))].filter((n) => new Set(flat.map((m) => m.get(n))).size > 1);
  return html`<${Trouble} text=${found.error} />${found.list.length === runs.length && html`<div class="scroll" role="region" aria-label="Comparison of runs" tabindex="0"><table id="comparison"><caption>What differs between these runs</caption>
    <thead><tr><th scope="col" class="left">setting or result</th>${found.list.map((r) => html`<th scope="col"><${Link} to=${runAddress(r.run)}>${r.run.slice(0, 8)}<//></th>`)}</tr></thead>
    <tbody>${names.map((n) => html`<tr><th scope="row" class="left">${n}</th>${flat.map((m) => html`<td class="right">${m.get(n) ?? "-"}</td>`)}</tr>`)}</tbody></table></div>
    <${Overlay} runs=${found.list} />`}`;
}

// The curves of a few runs over each other.
function Overlay({ runs }) {
  const base = Object.keys(runs[0].titles).find((n) => runs.every((r) => r.curves[`val_${n}`])), name = `val_${base}`;
  const entries = useMemo(() => runs.map((r) => ({
    name: r.run.slice(0, 8), trial_id: r.run, training: 0,
    series: { [name]: { x: r.curves.epoch, mean: r.curves[name], low: r.curves[name], high: r.curves[name] } },
  })), [runs]);
  return base ? html`<${Bands} entries=${entries} metric=${name} title="validation ${runs[0].titles[base]}" x="epoch" colours=${{}} />` : null;
}

function Study({ name }) {
  const now = useNews();
  const version = now.versions[name] || "";
  const state = useData(api("study", { name }), version);
  const drivers = driversOf(name);
  document.title = `${name} - assay`;
  return html`<${Waiting} state=${state} title=${name}>${(data) => html`
    <${StudyHead} name=${name} data=${data} drivers=${drivers} />
    ${data.counts.finished > 0 && html`<${Effects} name=${name} version=${version} />`}
    ${data.search && html`<${Search} name=${name} version=${version} />`}
    ${data.trials.length > 0 && html`<${Section} title="Learning curves" id="curves"><${Curves} name=${name} trials=${data.trials} version=${version} drivers=${drivers} /><//>
    <${Section} title="Results" id="results"><${ReportTable} table=${data.table} name="trials" sortable=${true} /><//>`}
    <${Section} title="Runs" id="runs"><${Runs} name=${name} version=${version} /><//>
    <p class="command"><code>${data.command}</code></p>`}<//>`;
}
