// A line chart in SVG: axes, lines, bands, and a cursor that reads the values off.
const WIDTH = 560;
const HEIGHT = 260;
const EDGE = { left: 46, right: 10, top: 10, bottom: 26 };

// series: [{label, color, dash, points: [[x, y]], band: [[x, low, high]] | null}]
function chart(series, { name, end, say: word }) {
  const scale = scales(series, end);
  const plane = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': name });
  plane.append(svg('clipPath', { id: 'plane' }, svg('rect', { x: EDGE.left, y: EDGE.top - 2, width: WIDTH - EDGE.left - EDGE.right + 2, height: HEIGHT - EDGE.top - EDGE.bottom + 4 })));
  axes(plane, scale);
  const inside = svg('g', { 'clip-path': 'url(#plane)' });
  for (const one of series) if (one.band) inside.append(svg('path', { class: 'band c' + one.color, d: area(one.band, scale) }));
  for (const one of series) inside.append(drawn(one, scale));
  plane.append(inside);
  const box = el('div', { class: 'chart' }, plane);
  addCursor(box, plane, series, scale, word);
  return box;
}

function scales(series, end) {
  const xs = series.flatMap((one) => one.points.map(([x]) => x));
  const last = Math.max(...xs);
  const from = end ? last / 2 : -Infinity;
  const ys = series.flatMap((one) => [...one.points.filter(([x]) => x >= from).map(([, y]) => y), ...(one.band || []).filter(([x]) => x >= from).flatMap(([, low, high]) => [low, high])]);
  const [x0, x1] = [end ? Math.max(Math.floor(from), Math.min(...xs)) : Math.min(...xs), last];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const room = (y1 - y0 || Math.abs(y1) || 1) * 0.05;
  [y0, y1] = [y0 - room, y1 + room];
  const wide = x1 - x0 || 1;
  return {
    x0, x1, y0, y1,
    x: (x) => EDGE.left + ((x - x0) / wide) * (WIDTH - EDGE.left - EDGE.right),
    y: (y) => HEIGHT - EDGE.bottom - ((y - y0) / (y1 - y0)) * (HEIGHT - EDGE.top - EDGE.bottom),
    back: (pixel) => x0 + ((pixel - EDGE.left) / (WIDTH - EDGE.left - EDGE.right)) * wide,
  };
}

function axes(plane, scale) {
  for (const tick of ticks(scale.y0, scale.y1, 5)) {
    const y = scale.y(tick);
    plane.append(svg('line', { class: 'axis', x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y, y2: y }));
    plane.append(svg('text', { class: 'tick', x: EDGE.left - 7, y: y + 4, 'text-anchor': 'end' }, String(tick)));
  }
  for (const tick of ticks(scale.x0, scale.x1, 8).filter(Number.isInteger)) {
    plane.append(svg('text', { class: 'tick', x: scale.x(tick), y: HEIGHT - 8, 'text-anchor': 'middle' }, String(tick)));
  }
}

function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let index = Math.ceil(low / step); index * step <= high; index++) found.push(Number((index * step).toPrecision(10)));
  return found;
}

function drawn(one, scale) {
  if (one.points.length === 1) {
    const [[x, y]] = one.points;
    return svg('circle', { class: 'c' + one.color, cx: scale.x(x), cy: scale.y(y), r: 3.5, fill: 'currentColor' });
  }
  return svg('path', { class: `line c${one.color} d${one.dash}`, d: path(one.points, scale) });
}

function path(points, scale) {
  return points.map(([x, y], index) => (index ? 'L' : 'M') + scale.x(x).toFixed(1) + ' ' + scale.y(y).toFixed(1)).join('');
}

function area(band, scale) {
  const up = band.map(([x, , high]) => [x, high]);
  const down = band.map(([x, low]) => [x, low]).reverse();
  return path([...up, ...down], scale) + 'Z';
}

function addCursor(box, plane, series, scale, word) {
  const line = svg('line', { class: 'cursor', y1: EDGE.top, y2: HEIGHT - EDGE.bottom, visibility: 'hidden' });
  const tip = el('div', { class: 'tip', hidden: true });
  plane.append(line);
  box.append(tip);
  const epochs = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
  plane.addEventListener('pointerleave', () => { tip.hidden = true; line.setAttribute('visibility', 'hidden'); });
  plane.addEventListener('pointermove', (event) => {
    const frame = plane.getBoundingClientRect();
    const wanted = scale.back(((event.clientX - frame.left) / frame.width) * WIDTH);
    const epoch = epochs.reduce((near, one) => (Math.abs(one - wanted) < Math.abs(near - wanted) ? one : near), epochs[0]);
    const x = scale.x(epoch);
    for (const end of ['x1', 'x2']) line.setAttribute(end, x);
    line.setAttribute('visibility', 'visible');
    tip.hidden = false;
    tip.style.setProperty(x > WIDTH / 2 ? 'left' : 'right', 'auto');
    tip.style.setProperty(x > WIDTH / 2 ? 'right' : 'left', Math.round((x > WIDTH / 2 ? WIDTH - x : x) / WIDTH * frame.width + 12) + 'px');
    tip.replaceChildren(el('b', {}, 'epoch ' + epoch), ...series.slice(0, 12).map((one) => readOff(one, epoch, word)).filter(Boolean));
  });
}

function readOff(one, epoch, word) {
  const found = one.points.find(([x]) => x === epoch);
  return found && el('div', { class: 'c' + one.color }, el('span', { class: 'key d' + one.dash }), el('span', { class: 'text' }, one.label), el('span', { class: 'value' }, word(found[1])));
}

// A curve as small as a word.
function spark(points) {
  if (points.length < 2) return '';
  const ys = points.map(([, y]) => y).slice().sort((a, b) => a - b);
  const [low, high] = [ys[0], ys[Math.floor(0.9 * (ys.length - 1))]];
  const [first, last] = [points[0][0], points[points.length - 1][0]];
  const at = ([x, y]) => ((x - first) / (last - first) * 68 + 1).toFixed(1) + ' ' + (19 - Math.min(1.15, (y - low) / (high - low || 1)) * 15).toFixed(1);
  return svg('svg', { width: 70, height: 22, 'aria-hidden': 'true' }, svg('path', { d: 'M' + points.map(at).join('L'), fill: 'none', stroke: 'currentColor', 'stroke-width': 1.3 }));
}
