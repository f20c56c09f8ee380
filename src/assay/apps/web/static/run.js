// One run: configuration, curves, confusion matrix, confident mistakes, pictures.
"use strict";

function Run({ name }) {
  const state = useData(api("run", { id: name }));
  document.title = `run ${name.slice(0, 8)} - assay`;
  return html`<${Waiting} state=${state} title="run ${name}">${(run) => html`
    <p class="kind">run ${run.run}</p>
    <h1>${run.studies.length ? run.studies[0].trial || "Run" : "Run"}, seed ${run.seed}</h1>
    <${Trouble} text=${run.message} />
    <p class="facts"><span class="state ${run.status}">${run.status}</span>${run.studies.length > 0 && ", a run of"}
      ${run.studies.map((s) => html` <${Link} to=${studyAddress(s.study)}>${s.study}<//>`)}
      ${!saved && html` <button type="button" onClick=${savePage}>This page as one file</button>`}</p>
    ${run.details && html`<details><summary>What was said</summary><pre>${run.details}</pre></details>`}
    ${run.metrics.length > 0 && html`<${Section} title="Results" id="metrics"><${Pairs} label="Results" rows=${run.metrics.map((m) => [m.title, m.text])} /><//>`}
    <${Section} title="Curves" id="curves"><${RunCurves} curves=${run.curves} titles=${run.titles} /><//>
    ${run.confusion && html`<${Section} title="Confusion" id="confusion"><${Confusion} ...${run.confusion} /><//>`}
    <${Pictures} run=${run.run} />
    <${Section} title="Configuration" id="configuration"><${Pairs} label="Configuration" rows=${run.config} /><//>
    ${run.timing.length > 0 && html`<${Section} title="Time" id="time"><${Pairs} label="Time" rows=${run.timing.map(timed)} /><//>`}
    <${Section} title="Where it ran" id="provenance" open=${false}><${Pairs} label="Where it ran" rows=${run.provenance} /><//>`}<//>`;
}

const TIMES = { train: "training", evaluate: "evaluation", prepare: "preparation" };
const timed = ([name, value]) => (name === "images_per_second" ? ["training images per second", Math.round(value)] : [TIMES[name] || name, duration(value)]);

function RunCurves({ curves, titles }) {
  if (!curves.epoch?.length) return html`<p class="note">This run has no curve.</p>`;
  return html`<div class="grid">${Object.keys(titles).map((base) => {
    const mine = [`val_${base}`, base, `test_${base}`].filter((n) => curves[n]?.some((v) => v !== null)); // of a diverged run none
    return mine.length > 0 && html`<${Lines} key=${base} x=${curves.epoch} xTitle="epoch" title=${titles[base]}
      lines=${mine.map((n) => ({ name: n.startsWith("val_") ? "validation" : n.startsWith("test_") ? "test" : "training", y: curves[n] }))} />`;
  })}</div>`;
}

function Pictures({ run }) {
  const state = useData(api("pictures", { id: run }));
  const data = state.data;
  if (!data) return state.error ? html`<${Trouble} text=${state.error} />` : null;
  return html`${data.made.length > 0 && html`<${Section} title="Pictures that it made" id="made"><p class="pictures">${data.made.map((src, i) => html`<img src=${src} alt="made picture ${i + 1}" />`)}</p><//>`}
    ${(data.mistakes.length > 0 || data.missing) && html`<${Section} title="Confident mistakes" id="mistakes">
      ${data.missing && html`<p class="note">${data.missing}</p>`}
      <ul class="mistakes">${data.mistakes.map((m) => html`<li>${m.image && html`<img src=${m.image} alt="test image ${m.index}" />`}
        ${m.original && html`<img src=${m.original} alt="the same before its pixels were permuted" />`}
        <span>${m.true}, read as <b>${m.read}</b> (${(100 * m.confidence).toFixed(0)} %)</span></li>`)}</ul><//>`}`;
}
