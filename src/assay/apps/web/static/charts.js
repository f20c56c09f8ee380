// Charts: uPlot for curves, SVG for what has few marks. Each has a text for who cannot see it.
"use strict";

const SERIES = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8", "--c9"];

// Colours with their share of opacity, which a canvas needs as text.
const veil = (hex, share) => `${hex}${Math.round(255 * share).toString(16).padStart(2, "0")}`;

// Epochs, steps and trials are counted: no tick between two of them, unless a run was evaluated there.
const WHOLE = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((p) => [1, 2, 5].map((n) => n * 10 ** p));

function axes(xTitle, dark, whole) {
  const ink = colour("--soft"), grid = colour("--line");
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, font: "12px system-ui" };
  return [{ ...axis, label: xTitle, labelFont: "12px system-ui", labelSize: 20, size: 34, ...(whole && { incrs: WHOLE }) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((v) => (v === null ? "" : short(v))) }];
}

// A chart of uPlot that follows its width, the theme and its data.
function Plot({ options, data, label, height = 260 }) {
  const box = useRef(null), chart = useRef(null), range = useRef(null), dark = useTheme();
  range.current = options.range;
  const whole = data[0].every(Number.isInteger);
  const shape = JSON.stringify([whole, options.series.map((s) => [s.label, s.dash]), (options.bands || []).map((b) => b.series)]);
  useEffect(() => {
    const width = Math.max(240, box.current.clientWidth);
    chart.current = new uPlot({
      width, height, legend: { show: false }, cursor: { drag: { x: true, y: false } },
      scales: { x: { time: false }, y: options.range ? { range: () => range.current } : {} },
      axes: axes(options.x, dark, whole), bands: options.bands || [],
      series: [{ label: options.x }, ...options.series],
      hooks: options.hooks || {},
    }, data, box.current);
    const follow = new ResizeObserver(() => {
      const now = Math.max(240, box.current.clientWidth);
      if (chart.current.width !== now) chart.current.setSize({ width: now, height });
    });
    follow.observe(box.current);
    return () => { follow.disconnect(); chart.current.destroy(); };
  }, [shape, dark, height]);
  useEffect(() => { chart.current.setData(data); }, [data]);
  return html`<div class="plot" ref=${box} role="img" aria-label=${label}></div>`;
}

// Series of different places on one axis: the union of the places, null where one has none.
function joined(series) {
  const places = [...new Set(series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const at = new Map(places.map((x, i) => [x, i]));
  const columns = series.map((s) => s.ys.map((ys) => {
    const column = new Array(places.length).fill(null);
    s.x.forEach((x, i) => { column[at.get(x)] = ys[i]; });
    return column;
  }));
  return [places, ...columns.flat()];
}

// From what the means reach, and of the intervals as much again: a wide one must not flatten all.
function reach(ranges) {
  const means = ranges.flatMap((r) => r.mean).filter((v) => v !== null);
  const edges = ranges.flatMap((r) => [...r.low, ...r.high]).filter((v) => v !== null);
  if (!means.length) return [0, 1];
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const room = high - low || Math.abs(high) || 1;
  const bottom = Math.max(low - 0.5 * room, Math.min(low, ...edges));
  const top = Math.min(high + 0.5 * room, Math.max(high, ...edges));
  return [bottom - 0.04 * room, top + 0.04 * room];
}

// Whether a band says something, as in the reports: half of it is narrower than half of the axis.
function fits(band, [bottom, top]) {
  const wide = band.low.flatMap((low, i) => (low === null ? [] : band.high[i] - low)).sort((a, b) => a - b);
  return !wide.length || wide[Math.floor(wide.length / 2)] <= (top - bottom) / 2;
}

// Means with their intervals over epochs, a line and a band a trial.
function Bands({ entries, metric, title, x, colours }) {
  const dark = useTheme();
  const drawn = entries.filter((e) => e.series[metric]);
  const { data, series, bands, range } = useMemo(() => {
    const parts = drawn.map((e) => {
      const s = e.series[metric];
      return { x: s.x, ys: [s.mean, s.high.map((v, i) => v ?? s.mean[i]), s.low.map((v, i) => v ?? s.mean[i])] };
    });
    const series = [], bands = [], range = reach(drawn.map((e) => e.series[metric]));
    drawn.forEach((e, i) => {
      const ink = colour(colours[e.trial_id] || SERIES[i % SERIES.length]);
      const first = 1 + 3 * i, edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
      series.push({ label: e.name, stroke: ink, width: 2, spanGaps: true, dash: e.training ? [8, 4] : undefined, points: { show: parts[i].x.length < 3, size: 6 } });
      series.push({ label: `${e.name} high`, ...edge }, { label: `${e.name} low`, ...edge });
      if (fits(e.series[metric], range)) bands.push({ series: [first + 1, first + 2], fill: veil(ink, 0.16) });
    });
    return { data: joined(parts), series, bands, range };
  }, [entries, metric, dark, colours]);
  if (!drawn.length) return null;
  const said = drawn.map((e) => {
    const s = e.series[metric], last = s.mean.length - 1;
    return `${e.name} ${short(s.mean[last])} at ${short(s.x[last])}`;
  });
  return html`<figure><figcaption>${title}</figcaption>
    <${Plot} options=${{ x, series, bands, range }} data=${data} label="${title} over ${x}s, mean and 95 % interval: ${said.join("; ")}" /></figure>`;
}

const STEPPED = uPlot.paths.stepped({ align: 1 });

// Plain lines of one run or one course; the first may have a band.
function Lines({ x, lines, title, xTitle, band = null }) {
  const dark = useTheme();
  const drawn = useMemo(() => lines.map((line, i) => ({
    label: line.name, stroke: colour(SERIES[i % SERIES.length]), width: 2, dash: line.dash, spanGaps: true, ...(line.stepped ? { paths: STEPPED } : {}),
    ...(line.points ? { paths: () => null, points: { show: true, size: 5 } } : { points: { show: x.length < 3, size: 6 } }),
  })), [JSON.stringify(lines.map((l) => l.name)), dark]);
  const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true, paths: STEPPED }, first = lines.length + 1;
  const series = band ? [...drawn, { label: "high", ...edge }, { label: "low", ...edge }] : drawn;
  const bands = band ? [{ series: [first, first + 1], fill: veil(colour(SERIES[0]), 0.16) }] : [];
  const data = useMemo(() => [x, ...lines.map((l) => l.y), ...(band ? [band.high, band.low] : [])], [x, lines, band]);
  const said = lines.map((l) => `${l.name} ends at ${short(l.y[l.y.length - 1])}`).join("; ");
  return html`<figure><figcaption>${title}</figcaption>
    <p class="key">${lines.map((l, i) => html`<span><i style=${{ background: `var(${SERIES[i % SERIES.length]})` }}></i>${l.name}</span>`)}</p>
    <${Plot} options=${{ x: xTitle, series, bands }} data=${data} label="${title} over ${xTitle}: ${said}" /></figure>`;
}

// Bars beside their names, with an interval where there is one; values from 0 to 1.
function Shares({ rows, label }) {
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table class="shares"><caption>${label}</caption><tbody>${rows.map((r) => html`<tr>
    <th scope="row" class="left">${r.name}</th>
    <td><span class="share"><span style=${{ width: `${100 * r.value}%` }}></span>
      ${r.low !== undefined && r.low !== null && html`<i style=${{ left: `${100 * r.low}%`, width: `${100 * (r.high - r.low)}%` }}></i>`}</span></td>
    <td class="right">${r.text}</td></tr>`)}</tbody></table></div>`;
}

// Which class was taken for which: the darker, the more.
function Confusion({ counts, names }) {
  const sums = counts.map((row) => row.reduce((a, b) => a + b, 0) || 1);
  return html`<div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0"><table class="confusion">
    <caption>Confusion matrix: rows are the true classes, columns what the network said</caption>
    <thead><tr><td></td>${names.map((n) => html`<th scope="col">${n}</th>`)}</tr></thead>
    <tbody>${counts.map((row, i) => html`<tr><th scope="row" class="left">${names[i]}</th>${row.map((n, j) => {
      const share = n / sums[i], ink = i === j ? "--c0" : "--c1";
      const strength = n ? Math.round(100 * (i === j ? 0.15 + 0.35 * share : 0.2 + 0.35 * Math.min(1, 5 * share))) : 0;
      return html`<td style=${{ background: n ? `color-mix(in srgb, var(${ink}) ${strength}%, var(--back))` : "" }}>${n || ""}</td>`;
    })}</tr>`)}</tbody></table></div>`;
}

// One line a trial over all parameters; the best tenth strong.
function Parallel({ axes: given, values, labels, whole, higher, metric, scale, decimals, chosen, onChoose }) {
  const [width, high, top] = [Math.max(480, 120 * (given.length + 1)), 300, 40];
  const finite = values.filter((v) => v !== null).sort((a, b) => a - b);
  const [low, most] = [finite[0], finite[finite.length - 1]];
  const place = (v) => (most > low ? (v - low) / (most - low) : 0.5);
  const said = (v) => minus((scale * v).toFixed(decimals));
  const all = [...given, { title: metric, places: values.map(place), ticks: [[0, said(low)], [1, said(most)]] }];
  const x = (i) => 50 + (i * (width - 130)) / Math.max(1, all.length - 1);
  const y = (p) => top + (1 - p) * (high - top - 30);
  const edge = higher ? finite[Math.floor(0.9 * finite.length)] : finite[Math.floor(0.1 * finite.length)];
  const good = (v) => (higher ? v >= edge : v <= edge);
  const lines = values.map((v, i) => ({ v, i })).sort((a, b) => (good(a.v) ? 1 : 0) - (good(b.v) ? 1 : 0));
  return html`<figure><figcaption>All parameters together; each line is a trial, the best tenth strong, one that was stopped grey</figcaption>
    <div class="scroll" role="region" aria-label="Parallel coordinates" tabindex="0"><svg class="parallel" viewBox="0 0 ${width} ${high}" width=${width} height=${high} role="img"
      aria-label="Parallel coordinates of ${values.length} trials; the table of trials holds the numbers">
    ${lines.map(({ v, i }) => {
      const points = all.map((a, k) => (a.places[i] === null ? null : `${x(k)},${y(a.places[i])}`)).filter(Boolean).join(" ");
      const look = labels[i] === chosen ? "chosen" : !whole[i] ? "stopped" : good(v) ? "good" : "";
      return html`<polyline points=${points} class=${look} onClick=${() => onChoose(labels[i])}><title>${labels[i]}: ${said(v)}</title></polyline>`;
    })}
    ${all.map((a, k) => html`<g transform="translate(${x(k)},0)"><line y1=${y(1)} y2=${y(0)} class="axis" />
      <text y="18" text-anchor="middle" class="name">${a.title}</text>
      ${a.ticks.map(([p, text]) => html`<text x="6" y=${y(p) + 4} class="tick">${text}</text>`)}</g>`)}
    </svg></div></figure>`;
}
