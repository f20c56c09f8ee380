// A search: its trials as they come, what mattered, and the best so far.
"use strict";

function Search({ name, version }) {
  const state = useData(api("search", { name }), version);
  const [chosen, choose] = useSetting("trial");
  const [find, setFind] = useState("");
  return html`<${Section} title="Search" id="search"><${Waiting} state=${state}>${(data) => html`
    <p class="facts">${data.title}; ${Object.entries(data.states).map(([s, n]) => `${n} ${s}`).join(", ")}${data.brackets.length ? `; ${data.brackets.join("; ")}` : ""}</p>
    <ul class="answers">${data.sentences.map((s) => html`<li>${minus(s)}</li>`)}</ul>
    <${Course} data=${data} />
    <${Importances} name=${name} version=${version} />
    ${data.axes.length > 0 && html`<${Parallel} axes=${data.axes.map((a) => ({ ...a, places: a.places }))} values=${data.values} labels=${data.labels} whole=${data.whole}
      higher=${data.higher} metric=${data.metric + (data.unit ? ` (${data.unit})` : "")} scale=${data.scale} decimals=${data.decimals} chosen=${chosen} onChoose=${(t) => { choose(t === chosen ? "" : t); setFind(t === chosen ? "" : t); }} />`}
    <p class="tools"><label>Filter <input type="search" value=${find} onInput=${(e) => setFind(e.target.value)} /></label></p>
    <${ReportTable} table=${data.table} name="tried" find=${find} sortable=${true} />
    <${Fold} title="The space"><${ReportTable} table=${data.space} name="space" /><//>`}<//><//>`;
}

function Importances({ name, version }) {
  const state = useData(api("importances", { name }), version);
  if (!state.data || !state.data.length) return null;
  const text = (r) => `${(100 * r.fanova).toFixed(0)} % (${(100 * r.fanova_low).toFixed(0)} to ${(100 * r.fanova_high).toFixed(0)})`;
  return html`<${Shares} label="Importance of each parameter: share of the variance (fANOVA) with the middle 95 % of bootstrap resamples"
    rows=${state.data.map((r) => ({ name: r.parameter, value: r.fanova ?? 0, low: r.fanova_low, high: r.fanova_high, text: text(r) }))} />`;
}

function Course({ data }) {
  const course = data.course;
  if (!course.best || !course.best.length) return html`<p class="note">No trial has ended yet.</p>`;
  const scaled = (values) => values.map((v) => (v === null ? null : v * data.scale));
  const x = course.best.map((_, i) => i + 1);
  const several = course.low.some((v) => v !== null), end = course.best.length - 1;
  const [lines, band] = useMemo(() => [[
    { name: "best so far", y: scaled(course.best), stepped: true }, { name: course.whole.every(Boolean) ? "each trial" : "each trial at each rung", y: scaled(course.value), points: true },
  ], several ? { low: scaled(course.low), high: scaled(course.high) } : null], [data]);
  const [best, low, high] = [course.best, course.low, course.high].map((values) => scaled(values)[end]?.toFixed(data.decimals)), unit = data.unit ? ` ${data.unit}` : "";
  return html`<${Lines} x=${x} lines=${lines} band=${band} title="Best ${data.metric} so far${data.unit ? ` (${data.unit})` : ""}" xTitle="evaluation" />
    <p class="note" id="so-far">Best so far: ${best === undefined ? "none with its complete budget" : minus(best) + unit}${best === undefined ? "" : low === undefined ? ", of one run, so that there is no interval" : ` (${minus(low)} to ${minus(high)}, the 95 % t-interval of that trial's runs)`}.</p>`;
}
