// Writing a study: its text, and what the checker says at the lines.
"use strict";

const BLANK = `study: my-study
question: Does the learning rate matter?
dataset: digits
network: {family: mlp, hidden: [64]}
training: {epochs: 10, optimizer: adam}
factors:
  training.learning_rate: [0.001, 0.01]
repeats: 3
`;

function Edit({ name }) {
  const state = useData(name ? api("source", { name }) : "");
  document.title = `${name || "New study"} - assay`;
  if (!name) return html`<${Editor} start=${BLANK} title="New study" />`;
  return html`<${Waiting} state=${state} title=${name}>${(data) => html`<${Editor} key=${data.name} start=${data.text} title=${data.name} builtIn=${data.built_in} />`}<//>`;
}

function Editor({ start, title, builtIn }) {
  const [text, setText] = useState(start);
  const [found, setFound] = useState(null);
  const [done, setDone] = useState("");
  const area = useRef(null), gutter = useRef(null);
  useEffect(() => {
    let left = false;
    const timer = setTimeout(() => post("/api/check", { text }).then(
      (said) => !left && setFound(said), (error) => !left && setFound({ problems: [{ line: 0, text: error.message }] })), 400);
    return () => { left = true; clearTimeout(timer); };
  }, [text]);
  const problems = found ? found.problems : [];
  const wrong = new Map(problems.map((p) => [p.line, p.text]));
  const lines = text.split("\n");
  const show = (line, column) => {
    const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    area.current.focus();
    area.current.setSelectionRange(before + column - 1, before + lines[line - 1].length);
  };
  const save = async () => {
    const said = await post("/api/save", { text });
    setFound(said);
    setDone(said.problems.length ? "" : `Written to ${said.file}`);
    return said;
  };
  const start_ = (scale) => async () => {
    const name = builtIn && text === start ? title : (await save()).name;
    if (!name) return;
    const { study } = await post("/api/start", { study: name, scale });
    go(studyAddress(study));
  };
  const open = async (file) => {
    if (file.size > 200000) { setDone(`${file.name} is too large to be a study.`); return; }
    setText(await file.text());
    setDone(`${file.name} is open here; the file itself stays as it is.`);
  };
  const tab = (event) => {
    if (event.key === "Enter") {
      const at = area.current.selectionStart, line = text.slice(0, at).split("\n").pop();
      const indent = line.match(/^ */)[0];
      if (!indent) return;
      event.preventDefault();
      area.current.setRangeText(`\n${indent}`, at, area.current.selectionEnd, "end");
      setText(area.current.value);
    }
  };
  return html`<h1>${title}</h1>
    ${builtIn && html`<p class="note">This is a built-in study. To keep a changed one, give it another name in the line <code>study:</code>.</p>`}
    <p class="tools"><label>Open a file <input type="file" accept=".yaml,.yml" onChange=${(e) => e.target.files[0] && open(e.target.files[0])} /></label></p>
    <div class="editor"><pre class="gutter" ref=${gutter} aria-hidden="true">${lines.map((_, i) => html`<span class=${wrong.has(i + 1) ? "wrong" : ""} title=${wrong.get(i + 1) || ""}>${i + 1}${"\n"}</span>`)}</pre>
    <textarea ref=${area} aria-label="Text of the study" aria-describedby="problems" spellcheck="false" autocapitalize="off" wrap="off" rows=${Math.min(40, Math.max(14, lines.length + 1))} value=${text}
      onKeyDown=${tab} onScroll=${(e) => { gutter.current.scrollTop = e.target.scrollTop; }} onInput=${(e) => { setText(e.target.value); setDone(""); }}></textarea></div>
    <div id="problems" role="status">
    ${!found ? html`<p class="note">Checking ...</p>` : problems.length ? html`<ul class="problems">${problems.map((p) => html`<li>${p.line ? html`<button type="button" onClick=${() => show(p.line, p.column)}>line ${p.line}, column ${p.column}</button> ` : ""}${p.text}</li>`)}</ul>`
      : html`<p class="fine">${found.name}: ${found.search ? "a search" : `${many(found.trials, "trial")}, ${many(found.runs, "run")}${found.seconds ? `, ${found.seconds < 1 ? "less than 1 s" : `about ${duration(found.seconds)}`} (a rough estimate${found.busy || ""})` : ""}`}. ${found.note || ""}</p>`}
    </div>
    <p class="tools"><${Act} run=${save} disabled=${problems.length > 0}>Save<//>
      ${["full", "quick", "smoke"].map((s) => html`<${Act} run=${start_(s)} busy="Starting ..." disabled=${problems.length > 0}>Start (${s})<//>`)} <span role="status">${done}</span></p>`;
}
