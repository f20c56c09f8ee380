// Parts of pages: tables, messages, bars, buttons.
"use strict";

function Trouble({ text }) {
  return text ? html`<p class="trouble" role="alert">${text}</p>` : null;
}

function Waiting({ state, title = "", children }) {
  if (state.data) return html`<${Trouble} text=${state.error} />${children(state.data)}`;
  if (state.error) return html`${title && html`<h1>${title}</h1>`}<${Trouble} text=${state.error} />`;
  return html`<p class="loading" role="status">Loading ...</p>`;
}

function Bar({ done, total, label }) {
  const share = total ? Math.min(1, done / total) : 0;
  return html`<span class="bar" role="progressbar" aria-label=${label} aria-valuemin="0"
    aria-valuemax=${total} aria-valuenow=${done}><span style=${{ width: `${100 * share}%` }}></span></span>`;
}

// A button that does something on the server and says what came of it.
function Act({ run, children, busy = "...", className = "", disabled = false, ...more }) {
  const [state, set] = useState("");
  const act = async () => {
    set("busy");
    try { await run(); set(""); } catch (error) { set(error.message); }
  };
  const text = state && state !== "busy" ? html` <span class="trouble" role="alert">${state}</span>` : null;
  return html`<button type="button" class=${className} disabled=${disabled || state === "busy"} onClick=${act}
    ...${more}>${state === "busy" ? busy : children}</button>${text}`;
}

// What trains a study is in its plan; an imported one, for example, has no such command.
const trains = (command) => command.startsWith("assay run ");

// A table of the reports: its texts are shown as they come, marked rows in bold.
function ReportTable({ table, name, find = "", sortable = false }) {
  const [order, setOrder] = useState([-1, 1]);
  const rows = useMemo(() => {
    let all = table.rows.map((texts, i) => ({ texts, data: table.data[i] || {} }));
    const words = find.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) all = all.filter((r) => words.every((w) => r.texts.join(" ").toLowerCase().includes(w)));
    const [column, way] = order;
    if (column >= 0) all = [...all].sort((a, b) => way * compare(a.texts[column], b.texts[column]));
    return all;
  }, [table, find, order]);
  const [shown, setShown] = useState(200);
  const turn = (i) => setOrder(([c, way]) => (c === i ? [i, -way] : [i, table.columns[i].align === "left" ? 1 : -1]));
  return html`<div class="scroll" role="region" aria-label=${table.title} tabindex="0"><table id=${name}>
    <caption>${table.title}</caption>
    <thead><tr>${table.columns.map((c, i) => html`<th scope="col" class=${c.align}
      aria-sort=${order[0] === i ? (order[1] > 0 ? "ascending" : "descending") : undefined}>
      ${sortable ? html`<button type="button" class="sort" onClick=${() => turn(i)}>${c.header}</button>` : c.header}</th>`)}</tr></thead>
    <tbody>${rows.slice(0, shown).map((row) => html`<tr class=${row.data.best ? "best" : ""}>${row.texts.map((text, i) => {
      const tag = i ? "td" : "th";
      const verdict = table.columns[i].header === "verdict" ? row.data.verdict || "" : "";
      return html`<${tag} scope=${i ? undefined : "row"} class="${table.columns[i].align} ${verdict}">${minus(text)}<//>`;
    })}</tr>`)}</tbody></table>
    ${rows.length > shown && html`<p><button type="button" onClick=${() => setShown(shown + 1000)}>Show more (${count(rows.length - shown)})</button></p>`}
    </div>
    ${table.notes.map((note) => html`<p class="note">${note}</p>`)}`;
}

// Numbers first by their value, "< 0.001" before 0.001, then everything else by its letters.
function compare(a, b) {
  // only thousands have a separator within a number: "1,024", but not "5, 1 diverged"
  const plain = (text) => text.replace(/^< /, "").replace(/[,\u2009 ](?=\d{3}(?!\d))/g, "");
  const [x, y] = [a, b].map((v) => (typeof v === "number" ? v : parseFloat(plain(String(v ?? "")))));
  const [p, q] = [isNaN(x), isNaN(y)];
  if (!p && !q && x !== y) return x - y;
  if (p !== q) return p ? 1 : -1;
  return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
}

function Pairs({ rows, label }) {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table class="pairs"><tbody>
    ${rows.map(([name, value]) => html`<tr><th scope="row" class="left">${name}</th><td class="left">${short(value)}</td></tr>`)}
    </tbody></table></div>`;
}

function Sentences({ answers }) {
  const kinds = [["best", "lead"], ["factors", ""], ["published", ""], ["beware", "beware"]];
  return html`${kinds.map(([kind, look]) => (answers[kind] || []).length > 0 && html`<ul class="answers ${look}">
    ${answers[kind].map((a) => html`<li class=${a.verdict || ""}><${Long} text=${minus(a.text)} /></li>`)}</ul>`)}`;
}

// A text of which the end is shown by a click, where it is long.
function Long({ text }) {
  const [whole, set] = useState(false);
  if (whole || text.length < 420) return text;
  return html`${text.slice(0, text.lastIndexOf(" ", 360))} ... <button type="button" onClick=${() => set(true)}>all of it</button>`;
}

// What is drawn only when it is opened: a large table costs time also where nobody sees it.
function Fold({ title, children }) {
  const [open, set] = useState(false);
  return html`<details onToggle=${(event) => set(event.target.open)}><summary>${title}</summary>${open && children}</details>`;
}

function Section({ title, id, children, open = true }) {
  return html`<details class="section" id=${id} open=${open}><summary><h2>${title}</h2></summary>${children}</details>`;
}

// What is training now, of one study or of all.
function Drivers({ drivers }) {
  if (!drivers.length) return null;
  return html`<ul class="drivers" aria-label="In training now">${drivers.map((d) => html`<li>
    <${Link} to=${studyAddress(d.study)}>${d.study}<//>
    <${Bar} done=${d.done || 0} total=${d.total || 1} label="${d.study}: runs done" />
    <span>${d.state}${d.total ? `, ${count(d.done || 0)} of ${many(d.total, "run")}` : ""}</span>
    ${d.images_per_second ? html`<span>${count(Math.round(d.images_per_second))} images/s</span>` : null}
    ${d.seconds_left ? html`<span>${duration(d.seconds_left)} left</span>` : null}
    </li>`)}</ul>`;
}
