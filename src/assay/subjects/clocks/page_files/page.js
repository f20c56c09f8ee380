// Clock: a dial to drag, the picture that networks get, and what they read; a photo; a camera.
"use strict";

{
  const HALF_DAY = 720;
  const clockText = (m) => {
    const whole = ((Math.round(m) % HALF_DAY) + HALF_DAY) % HALF_DAY;
    return `${Math.floor(whole / 60) || 12}:${String(whole % 60).padStart(2, "0")}`;
  };
  const START = { minutes: 130, turn: 0, tilt: 0, roll: 0, light: 0.1, strength: 0.5, seed: 0, style: "course" };

  // Only the latest wish is sent, and one at a time: dragging is faster than reading.
  function useLatest(wish, ask) {
    const [state, set] = useState({ data: null, error: "" });
    const box = useRef({ next: null, busy: false });
    useEffect(() => {
      box.current.next = wish;
      const work = async () => {
        if (box.current.busy) return;
        box.current.busy = true;
        while (box.current.next) {
          const mine = box.current.next;
          box.current.next = null;
          try { set({ data: await ask(mine), error: "" }); } catch (error) { set((old) => ({ ...old, error: error.message })); }
        }
        box.current.busy = false;
      };
      work();
    }, [JSON.stringify(wish)]);
    return state;
  }

  function Dial({ minutes, turn, onChange }) {
    const svg = useRef(null), hand = useRef("");
    const angle = (event) => {
      const box = svg.current.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
      return { turns: ((Math.atan2(x, -y) / (2 * Math.PI) - turn) % 1 + 1) % 1, far: Math.hypot(x, y) / (box.width / 2) };
    };
    const move = (event) => {
      if (!hand.current) return;
      event.preventDefault();
      const { turns } = angle(event);
      if (hand.current === "hour") { onChange((turns * HALF_DAY) % HALF_DAY); return; }
      const step = ((turns * 60 - (minutes % 60) + 90) % 60) - 30;  // the shorter way, so that hours carry
      onChange((((minutes + step) % HALF_DAY) + HALF_DAY) % HALF_DAY);
    };
    const down = (name) => (event) => { hand.current = name; svg.current.setPointerCapture(event.pointerId); move(event); event.preventDefault(); };
    const up = () => { if (hand.current) onChange(Math.round(minutes) % HALF_DAY); hand.current = ""; };
    const keys = (size) => (event) => {
      const ways = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
      if (!(event.key in ways)) return;
      event.preventDefault();
      onChange((Math.round(minutes) + size * ways[event.key] + HALF_DAY) % HALF_DAY);
    };
    const tip = (turns, r) => [100 + r * Math.sin(2 * Math.PI * turns), 100 - r * Math.cos(2 * Math.PI * turns)];
    const line = (turns, r, name, size, width) => {
      const [x, y] = tip(turns, r), [u, v] = tip(turns + 0.5, 10);
      return html`<g class="hand ${name}" tabindex="0" role="slider" aria-label="${name} hand" aria-valuemin="0" aria-valuemax="719"
        aria-valuenow=${Math.round(minutes) % HALF_DAY} aria-valuetext=${clockText(minutes)} onKeyDown=${keys(size)} onPointerDown=${down(name)}>
        <line x1=${u} y1=${v} x2=${x} y2=${y} stroke="transparent" stroke-width="18" />
        <line x1=${u} y1=${v} x2=${x} y2=${y} stroke-width=${width} class="ink" /></g>`;
    };
    return html`<svg class="dial" ref=${svg} viewBox="0 0 200 200" onPointerMove=${move} onPointerUp=${up} onPointerCancel=${up} aria-label="A clock dial; drag its hands" role="group">
      <g transform="rotate(${360 * turn} 100 100)"><circle cx="100" cy="100" r="94" class="face" />
      ${Array.from({ length: 60 }, (_, i) => { const [a, b] = [tip(i / 60, 92), tip(i / 60, i % 5 ? 88 : 83)]; return html`<line x1=${a[0]} y1=${a[1]} x2=${b[0]} y2=${b[1]} class="ink" stroke-width=${i % 5 ? 1 : 3} />`; })}
      ${Array.from({ length: 12 }, (_, i) => { const [x, y] = tip((i + 1) / 12, 72); return html`<text x=${x} y=${y + 5} text-anchor="middle">${i + 1}</text>`; })}
      ${line(minutes / HALF_DAY, 50, "hour", 60, 6)}${line(minutes / 60, 78, "minute", 1, 3.5)}<circle cx="100" cy="100" r="5" class="hub" /></g></svg>`;
  }

  // How likely each of the 720 times is, drawn round a dial: the farther out, the likelier.
  function Ring({ shares, minutes, read }) {
    const at = (m, r) => `${100 + r * Math.sin((2 * Math.PI * m) / HALF_DAY)} ${100 - r * Math.cos((2 * Math.PI * m) / HALF_DAY)}`;
    const path = useMemo(() => {
      if (!shares) return "";
      const most = Math.max(...shares, 1e-9);
      return `M${shares.map((s, m) => at(m, 52 + 44 * Math.sqrt(s / most))).join("L")}Z`;
    }, [shares]);
    return html`<svg class="ring" viewBox="0 0 200 200" role="img" aria-label=${shares ? `Certainty over the 720 times; the likeliest is ${clockText(read)}` : `The reading is ${clockText(read)}`}>
      <circle cx="100" cy="100" r="52" class="base" />${path && html`<path d=${path} class="shares" />`}
      ${[0, 3, 6, 9].map((h) => { const [x, y] = at(60 * h, 40).split(" "); return html`<text x=${x} y=${+y + 4} text-anchor="middle">${h || 12}</text>`; })}
      ${minutes !== null && html`<path d="M${at(minutes, 46)}L${at(minutes, 98)}" class="truth" />`}
      <path d="M${at(read, 52)}L${at(read, 98)}" class="read" /></svg>`;
  }

  const Reading = ({ r, minutes }) => html`<li class="reading" data-reader=${r.name} data-minutes=${r.minutes}>
    <${Ring} shares=${r.shares} minutes=${minutes} read=${r.minutes} />
    <div><h2>${r.title}</h2><p class="time">${r.text}</p>
    ${r.error !== undefined && html`<p>${r.error < 0.5 ? "right to the minute" : `off by ${r.error.toFixed(1)} minutes`}</p>`}
    <p class="soft">${r.certainty === null ? "this representation has no certainty" : `${Math.min(100 * r.certainty, 99.9).toFixed(1)} % certain, within a minute`}</p>
    ${r.possible && html`<p class="soft possible">95 % set of times: ${r.possible}</p>`}</div></li>`;

  const Range = ({ id, label, value, low, high, step, onChange }) => html`<label for=${id}>${label}</label>
    <input type="range" id=${id} min=${low} max=${high} step=${step} value=${value} onInput=${(e) => onChange(+e.target.value)} />`;

  function Drawn({ source }) {
    const [wish, set] = useState(START);
    const state = useLatest(wish, source.draw);
    const change = (part) => set((old) => ({ ...old, ...part }));
    const data = state.data;
    return html`<section class="clock" aria-label="A drawn clock"><div class="hands">
        <${Dial} minutes=${wish.minutes} turn=${wish.turn} onChange=${(minutes) => change({ minutes })} />
        <p class="time" role="status">${clockText(wish.minutes)}</p></div>
      <div class="knobs"><${Range} id="turn" label="Turn" value=${wish.turn} low="-0.5" high="0.5" step="0.005" onChange=${(turn) => change({ turn })} />
        <${Range} id="tilt" label="Tilt" value=${wish.tilt} low="0" high="0.16" step="0.005" onChange=${(tilt) => change({ tilt })} />
        ${source.lights && html`<${Range} id="light" label="Light from" value=${wish.light} low="0" high="1" step="0.01" onChange=${(light) => change({ light })} />
        <${Range} id="strength" label="Shadow" value=${wish.strength} low="0" high="1" step="0.02" onChange=${(strength) => change({ strength })} />
        <label for="style">Clocks</label><select id="style" value=${wish.style} onChange=${(e) => change({ style: e.target.value })}><option value="course">one wall clock</option><option value="any">any clock</option></select>`}
        ${source.lights && html`<button type="button" onClick=${() => change({ seed: wish.seed + 1 })}>Another clock</button>`}
        <button type="button" onClick=${() => set(START)}>Start again</button></div>
      <figure class="seen">${data ? html`<img src=${data.image} alt="The picture that the network gets" /><figcaption>What the network gets</figcaption>`
        : !state.error && html`<p class="loading" role="status">Loading the networks ...</p>`}</figure>
      <${Trouble} text=${state.error} /></section>
      ${data && html`<ul class="readings" aria-label="What is read">${data.readings.map((r) => html`<${Reading} key=${r.name} r=${r} minutes=${data.minutes} />`)}</ul>`}`;
  }

  function Photo({ source }) {
    const [found, setFound] = useState(null);
    const [error, setError] = useState("");
    const [shown, setShown] = useState("");
    const [over, setOver] = useState(false);
    const [camera, setCamera] = useState(false);
    const video = useRef(null);
    const read = async (blob, name) => {
      try { setFound(await source.photo(blob)); setError(""); } catch (e) { setFound(null); setError(e.message); }
      if (name) setShown((old) => { if (old) URL.revokeObjectURL(old); return URL.createObjectURL(blob); });
    };
    const drop = (event) => { event.preventDefault(); setOver(false); const file = event.dataTransfer.files[0]; if (file) read(file, file.name); };
    useEffect(() => {
      if (!camera) return undefined;
      let left = false, stream = null;
      const shoot = async () => {
        const v = video.current;
        if (left || !v) return;
        if (v.videoWidth) {
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [v.videoWidth, v.videoHeight];
          canvas.getContext("2d").drawImage(v, 0, 0);
          const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
          if (blob && !left) await read(blob, "");
        }
        if (!left) setTimeout(shoot, 300);
      };
      navigator.mediaDevices.getUserMedia({ video: { width: 640, facingMode: "environment" } }).then((s) => {
        stream = s;
        if (left || !video.current) { s.getTracks().forEach((t) => t.stop()); return; }
        video.current.srcObject = s; video.current.play(); shoot();
      }, (e) => { setError(`The camera cannot be used: ${e.message}`); setCamera(false); });
      return () => { left = true; stream?.getTracks().forEach((t) => t.stop()); };
    }, [camera]);
    return html`<section aria-labelledby="photo-title"><h2 id="photo-title">Read a photo</h2>
      <div class="drop ${over ? "over" : ""}" onDragOver=${(e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
        <label>Choose a photo of a clock, or drop it here <input type="file" accept="image/*" onChange=${(e) => e.target.files[0] && read(e.target.files[0], e.target.files[0].name)} /></label>
        ${navigator.mediaDevices && html`<button type="button" aria-pressed=${camera} onClick=${() => setCamera(!camera)}>${camera ? "Stop the camera" : "Use the camera"}</button>`}
        <p class="note">${source.where}</p></div>
      <${Trouble} text=${error} />
      <div class="clock">${camera && html`<video ref=${video} muted playsinline aria-label="What the camera sees"></video>`}
      ${shown && !camera && html`<figure class="seen"><img src=${shown} class="whole" alt="The photo" /></figure>`}
      ${found && html`<figure class="seen"><img src=${found.image} alt="The part that was looked at" /><figcaption>Where the clock was looked for</figcaption></figure>
        <ul class="readings photo"><${Reading} r=${{ ...found, name: "photo", title: found.readable ? "The time" : "Not certain enough to say; at best" }} minutes=${null} /></ul>`}</div></section>`;
  }

  const ClockPage = ({ source }) => html`<h1>Clock</h1><p>Drag the hands, or use the arrow keys. Each network says what it reads, and how certain it is of each of the 720 times.</p>
    <${Drawn} source=${source} /><${Photo} source=${source} />`;

  if (!document.body.dataset.alone) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = "/page/clock/page.css";
    document.head.append(link);
  }

  assay.ClockPage = ClockPage;
  assay.clockText = clockText;
  const source = {
    lights: true, where: "The photo is read by this server and not kept.",
    draw: (wish) => post("/page/clock/draw", wish),
    photo: (blob) => post("/page/clock/photo", blob),
  };
  assay.page("clock", () => html`<${ClockPage} source=${source} />`);
}
