// The reader of clocks in the browser: pictures to directions by the network, directions to a time.
"use strict";

{
  const HALF_DAY = 720, NEAR = 1, APART = 5, LEAST = 1e-7, CERTAIN = 0.5;
  const apart = (a, b, period) => Math.abs(((a - b + period / 2) % period + period) % period - period / 2);

  const softmax = (logits) => {
    const most = Math.max(...logits), powers = Array.from(logits, (v) => Math.exp(v - most));
    const sum = powers.reduce((a, b) => a + b);
    return powers.map((p) => p / sum);
  };

  // How likely each turn leads from one direction to the other (labels/relational.py, correlate).
  const correlate = (from, to) => from.map((_, turn) => from.reduce((sum, p, i) => sum + p * to[(i + turn) % to.length], 0));

  // What the logarithms over a circle say at each whole minute, on straight lines between bins.
  const atMinutes = (logs, period) => {
    const bins = logs.length;
    return Array.from({ length: HALF_DAY }, (_, m) => {
      const place = ((m % period) * bins) / period, low = Math.floor(place), part = place - low;
      return (1 - part) * logs[low % bins] + part * logs[(low + 1) % bins];
    });
  };

  // The 720 shares of one clock, all looks at it joined (labels/distributions.py, read_together).
  function together(outputs, n, about) {
    const sums = [0, 1].map(() => new Array(about.bins).fill(0));
    for (let look = 0; look < n; look += 1) {
      const [twelve, minute, hour] = about.heads.map((h) => softmax(outputs[h].slice(look * about.bins, (look + 1) * about.bins)));
      [minute, hour].forEach((hand, k) => correlate(twelve, hand).forEach((p, i) => { sums[k][i] += Math.log(Math.max(p, LEAST)) / n; }));
    }
    const [minutes, phase] = [atMinutes(sums[0], 60), atMinutes(sums[1], HALF_DAY)];
    return softmax(minutes.map((v, m) => v + phase[m]));
  }

  function reading(shares, about) {
    const best = shares.indexOf(Math.max(...shares));
    const sum = shares.reduce((s, p, m) => s + (apart(m, best, HALF_DAY) <= NEAR ? p : 0), 0);
    const clipped = Math.min(Math.max(sum, 1e-6), 1 - 1e-6), [slope, offset] = about.calibration;
    const certainty = 1 / (1 + Math.exp(-(slope * Math.log(clipped / (1 - clipped)) + offset)));
    const second = shares.map((p, m) => (apart(m, best, HALF_DAY) >= APART ? p : -1));
    return { minutes: best, text: assay.clockText(best), certainty, shares, runner_up: second.indexOf(Math.max(...second)) };
  }

  // A dial as a photo might show it, in grey.
  function drawn(wish, size) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const p = canvas.getContext("2d", { willReadFrequently: true });
    p.fillStyle = "#77736d"; p.fillRect(0, 0, size, size);
    p.translate(size / 2, size / 2);
    p.rotate(2 * Math.PI * wish.roll);
    p.scale(1, Math.cos(2 * Math.PI * wish.tilt));
    p.rotate(2 * Math.PI * wish.turn);
    p.scale(0.44 * size, 0.44 * size);
    const pen = (from, to, turn, width, style) => {
      p.save(); p.rotate(2 * Math.PI * turn); p.strokeStyle = style; p.lineWidth = width; p.lineCap = "round";
      p.beginPath(); p.moveTo(0, -from); p.lineTo(0, -to); p.stroke(); p.restore();
    };
    const disc = (r, style) => { p.fillStyle = style; p.beginPath(); p.arc(0, 0, r, 0, 7); p.fill(); };
    disc(1.07, "#333"); disc(0.97, "#e8e6e0");
    for (let i = 0; i < 60; i += 1) pen(0.93, i % 5 ? 0.89 : 0.83, i / 60, i % 5 ? 0.012 : 0.03, "#222");
    p.fillStyle = "#222"; p.font = "0.2px sans-serif"; p.textAlign = "center"; p.textBaseline = "middle";
    for (let h = 1; h <= 12; h += 1) p.fillText(String(h), 0.7 * Math.sin((Math.PI * h) / 6), -0.7 * Math.cos((Math.PI * h) / 6));
    pen(-0.12, 0.52, wish.minutes / HALF_DAY, 0.075, "#111"); pen(-0.14, 0.82, wish.minutes / 60, 0.045, "#111");
    disc(0.06, "#111");
    return canvas;
  }

  const greys = (canvas) => {
    const { width, height } = canvas, data = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height).data;
    // as Pillow turns colours into grey
    return Float32Array.from({ length: width * height }, (_, i) => (data[4 * i] * 19595 + data[4 * i + 1] * 38470 + data[4 * i + 2] * 7471 + 32768) >> 16);
  };

  // Turned clockwise about its middle, between pixels on straight lines, black outside: as Pillow does.
  function turned(plain, size, turn) {
    if (!turn) return plain;
    const angle = 2 * Math.PI * turn, [c, s, m] = [Math.cos(angle), Math.sin(angle), size / 2], made = new Float32Array(size * size);
    const at = (x, y) => plain[Math.min(size - 1, Math.max(0, y)) * size + Math.min(size - 1, Math.max(0, x))];
    for (let y = 0; y < size; y += 1) for (let x = 0; x < size; x += 1) {
      const [u, v] = [x + 0.5 - m, y + 0.5 - m], [a, b] = [c * u + s * v + m, -s * u + c * v + m];
      if (a < 0 || b < 0 || a >= size || b >= size) continue;
      const [fx, fy] = [Math.floor(a - 0.5), Math.floor(b - 0.5)], [dx, dy] = [a - 0.5 - fx, b - 0.5 - fy];
      const [top, low] = [at(fx, fy) * (1 - dx) + at(fx + 1, fy) * dx, at(fx, fy + 1) * (1 - dx) + at(fx + 1, fy + 1) * dx];
      made[y * size + x] = Math.floor(top * (1 - dy) + low * dy);
    }
    return made;
  }

  async function looks(plain, turns, { about, ask }) {
    const size = about.size, images = new Float32Array(turns.length * size * size);
    turns.forEach((turn, k) => images.set(turned(plain, size, turn), k * size * size));
    return reading(together(await ask(images, turns.length, size, size, 1), turns.length, about), about);
  }

  function start() {
    const { about } = window.network, name = "assay", title = `assay's reader (${about.style}, relational)`;
    const source = {
      lights: false, where: "The photo stays in this browser; the middle of it is read.",
      draw: async (wish) => {
        const canvas = drawn(wish, about.size), read = await looks(greys(canvas), [0], window.network);
        return { image: canvas.toDataURL(), minutes: wish.minutes, readings: [{ ...read, name, title, error: apart(read.minutes, wish.minutes, HALF_DAY) }] };
      },
      photo: async (blob) => {
        let picture = null;
        try { picture = await createImageBitmap(blob); } catch { throw new Error("This is no picture that the browser can read."); }
        const side = Math.min(picture.width, picture.height), canvas = document.createElement("canvas");
        canvas.width = canvas.height = about.size;
        const p = canvas.getContext("2d", { willReadFrequently: true });
        p.imageSmoothingQuality = "high";
        p.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, about.size, about.size);
        const read = await looks(greys(canvas), about.turns, window.network);
        return { ...read, image: canvas.toDataURL(), readable: read.certainty >= CERTAIN };
      },
    };
    document.getElementById("app").replaceChildren();
    render(html`<${assay.ClockPage} source=${source} />`, document.getElementById("app"));
  }
  if (window.network) start(); else addEventListener("network", start, { once: true });
}
