// Paint something, or drop a picture, and see what a classifier takes it for.
"use strict";

function Paint({ about, ask }) {
  const canvas = useRef(null), last = useRef(null);
  const [shares, setShares] = useState(null);
  const [error, setError] = useState("");
  const [seen, setSeen] = useState("");
  // each pixel of the network is a square of so many on the canvas
  const TIMES = Math.max(1, Math.round(280 / about.width)), [W, H] = [TIMES * about.width, TIMES * about.height];
  const ground = about.dark ? "#000" : "#fff", ink = about.dark ? "#fff" : "#000";
  const pen = () => canvas.current.getContext("2d", { willReadFrequently: true });

  const clear = () => { const p = pen(); p.fillStyle = ground; p.fillRect(0, 0, W, H); setShares(null); setSeen(""); };
  useEffect(clear, []);

  // The picture as the network gets it: of its size, each pixel a mean, in its order of pixels.
  const pixels = () => {
    const { width, height, channels: c } = about, data = pen().getImageData(0, 0, W, H).data;
    const small = document.createElement("canvas"), shown = new ImageData(width, height), plain = new Float32Array(width * height * c);
    [small.width, small.height] = [width, height];
    for (let i = 0; i < width * height; i += 1) {
      const sums = [0, 0, 0], corner = TIMES * ((i % width) + W * Math.floor(i / width));
      for (let k = 0; k < TIMES * TIMES; k += 1) {
        const at = 4 * (corner + (k % TIMES) + W * Math.floor(k / TIMES));
        for (let j = 0; j < 3; j += 1) sums[j] += data[at + j];
      }
      const [r, g, b] = sums.map((s) => s / TIMES ** 2), grey = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
      const values = c === 1 ? [grey] : [r, g, b].map(Math.round);
      plain.set(values, c * i);
      shown.data.set(c === 1 ? [grey, grey, grey, 255] : [...values, 255], 4 * i);
    }
    small.getContext("2d").putImageData(shown, 0, 0);
    setSeen(small.toDataURL());
    if (!about.permutation) return plain;
    const moved = new Float32Array(plain.length);
    about.permutation.forEach((from, to) => { for (let k = 0; k < c; k += 1) moved[c * to + k] = plain[c * from + k]; });
    return moved;
  };

  const look = async () => {
    try {
      const logits = (await ask(pixels(), 1, about.height, about.width, about.channels))[about.head];
      const most = Math.max(...logits), powers = Array.from(logits, (v) => Math.exp(v - most)), sum = powers.reduce((a, b) => a + b);
      setShares(powers.map((p) => p / sum));
      setError("");
    } catch (e) { setError(e.message); }
  };

  const at = (event) => { const b = canvas.current.getBoundingClientRect(); return [(event.clientX - b.left) * W / b.width, (event.clientY - b.top) * H / b.height]; };
  const down = (event) => { canvas.current.setPointerCapture(event.pointerId); last.current = at(event); draw(event); };
  const draw = (event) => {
    if (!last.current) return;
    const p = pen(), now = at(event);
    p.strokeStyle = ink; p.lineWidth = W / 12; p.lineCap = "round";
    p.beginPath(); p.moveTo(...last.current); p.lineTo(now[0] + 0.01, now[1]); p.stroke();
    last.current = now;
  };
  const up = () => { if (last.current) { last.current = null; look(); } };
  const drop = async (file) => {
    try {
      const picture = await createImageBitmap(file), p = pen(), size = Math.min(picture.width / W, picture.height / H);
      p.fillStyle = ground; p.fillRect(0, 0, W, H);
      p.imageSmoothingEnabled = size > 1; p.imageSmoothingQuality = "high"; // a small one keeps its pixels
      p.drawImage(picture, (picture.width - size * W) / 2, (picture.height - size * H) / 2, size * W, size * H, 0, 0, W, H);
      await look();
    } catch { setError(`${file.name} is no picture that this browser can read.`); }
  };
  const order = shares ? shares.map((s, i) => [s, i]).sort((a, b) => b[0] - a[0]).slice(0, 10) : [];
  return html`<h1>${about.title}</h1><p>Paint, or drop a picture. Everything is computed in this browser; nothing is sent anywhere.
      ${about.accuracy ? ` On test images this network is right ${(100 * about.accuracy).toFixed(1)} % of the time${about.views > 1 ? `, looking at each ${about.views} times; here it looks once` : ""}.` : ""}</p>
    <div class="paint" onDragOver=${(e) => e.preventDefault()} onDrop=${(e) => { e.preventDefault(); if (e.dataTransfer.files[0]) drop(e.dataTransfer.files[0]); }}>
    <div><canvas ref=${canvas} width=${W} height=${H} role="img" aria-label="Paint here" onPointerDown=${down} onPointerMove=${draw} onPointerUp=${up} onPointerCancel=${up}></canvas>
      <p class="tools"><button type="button" onClick=${clear}>Clear</button><label>A picture <input type="file" accept="image/*" onChange=${(e) => e.target.files[0] && drop(e.target.files[0])} /></label></p></div>
    ${seen && html`<figure><img class="small" src=${seen} alt="The picture as the network gets it" /><figcaption>${about.width} x ${about.height} pixels${about.permutation ? ", before its pixels are permuted as in training" : ""}</figcaption></figure>`}
    <div aria-live="polite">${shares && html`<p class="answer" data-class=${about.classes[order[0][1]]}>${about.classes[order[0][1]]}</p>
      <table class="shares"><caption>Probability of each class</caption><tbody>${order.map(([s, i]) => html`<tr><th scope="row" class="left">${about.classes[i]}</th><td><span class="share"><span style=${{ width: `${100 * s}%` }}></span></span></td><td class="right">${(100 * s).toFixed(1)} %</td></tr>`)}</tbody></table>`}</div></div>
    <${Trouble} text=${error} />`;
}

const paintPage = () => {
  document.getElementById("app").replaceChildren();
  render(html`<${Paint} about=${window.network.about} ask=${window.network.ask} />`, document.getElementById("app"));
};
if (window.network) paintPage(); else addEventListener("network", paintPage, { once: true });
