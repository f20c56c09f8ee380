// Network: an MLP on points or digits, three seeds at once, trained as it is watched.
"use strict";

{
  const REACH = 6, COUNT = 240;
  const random = (seed) => { let s = seed >>> 0; return () => { s = (Math.imul(s, 1664525) + 1013904223) >>> 0; return s / 4294967296; }; };

  // Points [x, y, class] of a kind.
  function makePoints(kind, noise, seed) {
    const draw = random(seed * 7919 + 17), wobble = () => (draw() + draw() + draw() - 1.5) * 2 * noise, found = [];
    for (let i = 0; i < COUNT; i += 1) {
      const c = i % 2, t = draw();
      let x = 0, y = 0, k = c;
      if (kind === "circle") { const r = c ? 3.6 + 1.6 * t : 2.2 * Math.sqrt(t), a = 2 * Math.PI * draw(); [x, y] = [r * Math.sin(a), r * Math.cos(a)]; }
      else if (kind === "xor") { x = 10 * draw() - 5; y = 10 * draw() - 5; k = x * y > 0 ? 1 : 0; x += Math.sign(x) * 0.3; y += Math.sign(y) * 0.3; }
      else if (kind === "blobs") { const m = c ? 2 : -2; [x, y] = [m + (draw() + draw() + draw() - 1.5) * 1.6, m + (draw() + draw() + draw() - 1.5) * 1.6]; }
      else { const r = 0.4 + 5 * t, a = 1.75 * t * 2 * Math.PI + c * Math.PI; [x, y] = [r * Math.sin(a), r * Math.cos(a)]; }
      found.push([+(x + wobble()).toFixed(3), +(y + wobble()).toFixed(3), k]);
    }
    return found;
  }

  const rgb = (name) => { const hex = colour(name); return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)); };

  // What one network says of every place, with the points on it.
  function Field({ seed, map, points, onAdd }) {
    const canvas = useRef(null), dark = useTheme();
    const [at, setAt] = useState(null); // where the arrow keys are
    useEffect(() => {
      const size = Math.sqrt(map.length), p = canvas.current.getContext("2d"), side = canvas.current.width;
      const [a, b, back] = [rgb("--c1"), rgb("--c0"), rgb("--back")], image = new ImageData(size, size);
      map.forEach((share, i) => {
        const s = share / 255, ink = s < 0.5 ? a : b, strength = 0.15 + 0.6 * Math.abs(2 * s - 1);
        for (let k = 0; k < 3; k += 1) image.data[4 * i + k] = back[k] + strength * (ink[k] - back[k]);
        image.data[4 * i + 3] = 255;
      });
      const small = document.createElement("canvas");
      small.width = small.height = size;
      small.getContext("2d").putImageData(image, 0, 0);
      p.imageSmoothingEnabled = true;
      p.drawImage(small, 0, 0, side, side);
      for (const [x, y, c] of points) {
        p.beginPath();
        p.arc((x / REACH + 1) * side / 2, (1 - y / REACH) * side / 2, 3.2, 0, 7);
        p.fillStyle = colour(c ? "--c0" : "--c1"); p.fill(); p.strokeStyle = colour("--back"); p.stroke();
      }
      if (at) {
        const [x, y] = [(at[0] / REACH + 1) * side / 2, (1 - at[1] / REACH) * side / 2];
        p.strokeStyle = colour("--ink"); p.lineWidth = 2;
        p.beginPath(); p.moveTo(x - 8, y); p.lineTo(x + 8, y); p.moveTo(x, y - 8); p.lineTo(x, y + 8); p.stroke();
      }
    }, [map, points, dark, at]);
    const keys = (event) => {
      const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.key in ways) setAt((at || [0, 0]).map((v, i) => Math.max(-REACH, Math.min(REACH, v + 0.5 * ways[event.key][i]))));
      else if (event.key === "Enter" && at) onAdd(at);
      else return;
      event.preventDefault();
    };
    const add = (event) => {
      const box = canvas.current.getBoundingClientRect();
      onAdd([+((2 * (event.clientX - box.left) / box.width - 1) * REACH).toFixed(3), +((1 - 2 * (event.clientY - box.top) / box.height) * REACH).toFixed(3)]);
    };
    return html`<canvas ref=${canvas} width="300" height="300" role="button" tabindex="0" aria-label="What the network of seed ${seed} says of every place; a click adds a point, or arrow keys and Enter"
      onClick=${add} onKeyDown=${keys} onBlur=${() => setAt(null)}></canvas>`;
  }

  const Choice = ({ label, value, options, onChange }) => html`<label>${label} <select value=${value} onChange=${(e) => onChange(e.target.value)}>${options.map((o) => html`<option>${o}</option>`)}</select></label>`;

  function Playground() {
    const [task, setTask] = useSetting("data", "spiral");
    const [layers, setLayers] = useSetting("hidden", "32,32");
    const [activation, setActivation] = useSetting("activation", "relu");
    const [optimizer, setOptimizer] = useSetting("optimizer", "adam");
    const [rate, setRate] = useSetting("rate", "0.01");
    const [batch, setBatch] = useSetting("batch", "16");
    const [noise, setNoise] = useSetting("noise", "0.1");
    const [own, setOwn] = useState([]);
    const [kind, setKind] = useState(1);
    const [fresh, setFresh] = useState(0);
    const [running, setRunning] = useState(false);
    const [now, setNow] = useState(null);
    const [course, setCourse] = useState([]);
    const [error, setError] = useState("");
    const hidden = layers.split(",").filter(Boolean).map(Number);
    const points = useMemo(() => (task === "digits" ? [] : [...(task === "drawn" ? [] : makePoints(task, +noise, 1)), ...own]), [task, noise, own]);
    const settings = { data: task === "digits" ? "digits" : "points", points, hidden, activation, optimizer, learning_rate: +rate, batch_size: +batch };
    const asked = JSON.stringify([settings, fresh]);
    const take = (said) => { setNow(said); setCourse((old) => [...old, said].slice(-400)); };
    useEffect(() => {
      let left = false;
      setCourse([]); setRunning(false);
      const timer = setTimeout(() => post("/page/network/begin", settings).then((said) => { if (!left) { take(said); setError(""); } }, (e) => !left && setError(e.message)), 150);
      return () => { left = true; clearTimeout(timer); };
    }, [asked]);
    const name = now?.name;
    useEffect(() => {
      if (!running || !name) return undefined;
      let left = false;
      (async () => {
        while (!left) {
          try {
            const said = await post("/page/network/step", { name, epochs: task === "digits" ? 1 : 2 });
            if (left) return;
            take({ ...said, name });
          } catch (e) { if (!left) { setError(e.message); setRunning(false); } return; }
          await new Promise((done) => setTimeout(done, 30));
        }
      })();
      return () => { left = true; };
    }, [running, name]);
    const width = (i, n) => setLayers(hidden.map((u, k) => (k === i ? Math.max(1, Math.min(128, n || 1)) : u)).join(","));
    const lines = useMemo(() => (course.length ? course[0].seeds.map((_, k) => ({ name: `seed ${k}`, y: course.map((c) => c.seeds[k].loss) })) : []), [course]);
    const right = now ? now.seeds.map((s) => s.accuracy) : [];
    const mean = right.reduce((a, b) => a + b, 0) / (right.length || 1);
    return html`<h1>Network</h1><p>Change the network and watch it train: the same engine, losses and update rules as in a study, with three seeds at once, because one seed says little.</p>
      <div class="knobs-row tools"><${Choice} label="Data" value=${task} options=${["spiral", "circle", "xor", "blobs", "drawn", "digits"]} onChange=${setTask} />
        <${Choice} label="Activation" value=${activation} options=${["relu", "tanh", "sigmoid", "elu", "gelu", "linear"]} onChange=${setActivation} />
        <${Choice} label="Optimizer" value=${optimizer} options=${["sgd", "adam", "rmsprop", "adagrad", "lion", "muon"]} onChange=${setOptimizer} />
        <${Choice} label="Learning rate" value=${rate} options=${["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1"]} onChange=${setRate} />
        <${Choice} label="Batch size" value=${batch} options=${["1", "4", "16", "64"]} onChange=${setBatch} />
        ${settings.data === "points" && html`<${Choice} label="Noise" value=${noise} options=${["0", "0.1", "0.3", "0.6"]} onChange=${setNoise} />`}</div>
      <div class="tools" role="group" aria-label="Hidden layers"><span>Hidden layers</span>${hidden.map((u, i) => html`<label><span class="hidden">Units of layer ${i + 1}</span><input type="number" min="1" max="128" value=${u} onChange=${(e) => width(i, +e.target.value)} /></label>`)}
        <button type="button" disabled=${hidden.length > 5} onClick=${() => setLayers([...hidden, 8].join(","))}>Add a layer</button>
        <button type="button" disabled=${hidden.length < 2} onClick=${() => setLayers(hidden.slice(0, -1).join(","))}>Remove one</button></div>
      <p class="tools"><button type="button" aria-pressed=${running} onClick=${() => setRunning(!running)}>${running ? "Pause" : "Train"}</button>
        <button type="button" onClick=${() => setFresh(fresh + 1)}>Start again</button>
        ${settings.data === "points" && html`<${Choice} label="A click adds a point of" value=${kind ? "blue" : "orange"} options=${["blue", "orange"]} onChange=${(v) => setKind(v === "blue" ? 1 : 0)} />
          <button type="button" disabled=${!own.length} onClick=${() => setOwn([])}>Remove my points</button>`}
        ${now && html`<span id="epoch" data-epoch=${now.epoch}>epoch ${now.epoch}: right for ${(100 * mean).toFixed(1)} % of the points kept aside (${right.map((r) => (100 * r).toFixed(0)).join(", ")})</span>`}</p>
      <${Trouble} text=${error} />
      ${!now && !error && html`<p class="loading" role="status">Loading ...</p>`}
      ${now && now.seeds[0].map && html`<div class="fields">${now.seeds.map((s, k) => html`<figure><figcaption>seed ${k}</figcaption><${Field} seed=${k} map=${s.map} points=${points} onAdd=${([x, y]) => setOwn([...own, [x, y, kind]])} /></figure>`)}</div>`}
      ${course.length > 1 && html`<${Lines} x=${course.map((c) => c.epoch)} lines=${lines} title="Loss on what was kept aside" xTitle="epoch" />`}`;
  }

  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = "/page/network/page.css";
  document.head.append(link);
  assay.page("network", Playground);
}
