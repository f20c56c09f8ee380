// Learning curves of a study: mean and band by trial, of all its runs, while they train as well.
"use strict";

function Curves({ name, trials, version, drivers }) {
  const [picked, setPicked] = useSetting("trials");
  const [find, setFind] = useState("");
  const points = drivers.map((d) => `${d.pid}:${d.points}`).join();
  const asked = picked ? { name, trials: picked } : { name };
  const state = useData(api("curves", asked), `${version} ${points}`);
  const chosen = picked ? picked.split(",") : trials.slice(0, 10).map((t) => t.id);
  const colours = useMemo(() => Object.fromEntries(chosen.map((id, i) => [id, SERIES[i % SERIES.length]])), [chosen.join()]);
  const pick = (id) => {
    const next = chosen.includes(id) ? chosen.filter((t) => t !== id) : [...chosen, id].slice(-10);
    if (next.length) setPicked(next.join(","));
  };
  const listed = trials.filter((t) => t.name.toLowerCase().includes(find.toLowerCase())).slice(0, 60);
  return html`
    ${trials.length > 10 && html`<p class="tools"><label>Find a trial <input type="search" value=${find} onInput=${(e) => setFind(e.target.value)} /></label>
      <span class="soft">${chosen.length} of ${count(trials.length)} drawn, at most ten; choose by a click</span></p>`}
    <div class="chips" role="group" aria-label="Trials that are drawn">${listed.map((t) => html`<button type="button" aria-pressed=${chosen.includes(t.id)} onClick=${() => pick(t.id)}>
      <i style=${{ background: colours[t.id] ? `var(${colours[t.id]})` : "transparent" }}></i>${t.name}</button>`)}</div>
    <${Waiting} state=${state}>${(data) => (data.curves.length ? html`<${CurveGrid} data=${data} colours=${colours} />`
      : html`<p class="note">No run has a curve${drivers.length ? " yet" : ""}.</p>`)}<//>`;
}

function CurveGrid({ data, colours }) {
  const names = Object.keys(data.titles).filter((n) => data.curves.some((e) => e.series[n]));
  const titled = (n) => (/^(val|test)_/.test(n) ? "" : "training ") + data.titles[n];
  const x = data.curves[0].axis === "step" ? "step" : "epoch";
  const going = data.curves.reduce((sum, e) => sum + e.training, 0);
  return html`<div class="grid" id="curve-grid" data-points=${data.curves.reduce((n, e) => n + Math.max(...Object.values(e.series).map((s) => s.x.length)), 0)}>${names.map((n) => html`<${Bands} key=${n} entries=${data.curves} metric=${n} title=${titled(n)} x=${x} colours=${colours} />`)}</div>
    <p class="note">Mean over all finished runs of a trial with its 95 % t-interval, which is left out where it would fill half of the chart; where runs ended early, over the longer ones.
      ${going ? ` Dashed: with ${many(going, "run")} in training, as far as they are.` : ""}</p>
    <${Fold} title="As a table"><${CurveTable} data=${data} names=${names} titled=${titled} /><//>`;
}

function CurveTable({ data, names, titled }) {
  return html`<div class="scroll" role="region" aria-label="Ends of the curves" tabindex="0"><table><caption>Where the curves end</caption><thead><tr><th scope="col" class="left">trial</th><th scope="col">runs</th>${names.map((n) => html`<th scope="col">${titled(n)}</th>`)}</tr></thead>
    <tbody>${data.curves.map((e) => html`<tr><th scope="row" class="left">${e.name}</th><td class="right">${e.runs}${e.training ? ` + ${e.training}` : ""}</td>${names.map((n) => html`<td class="right">${fixed(e.series[n]?.mean.at(-1), data.decimals[n])}</td>`)}</tr>`)}</tbody></table></div>`;
}
