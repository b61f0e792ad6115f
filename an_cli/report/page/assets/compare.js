// The chosen runs beside each other: curves, numbers, and the config values in which they differ.
const MOST = 60; // runs in one comparison

// What can be drawn by epoch: key, title, how a value is worded.
function metricsOf(store) {
  const primary = store.measures.filter((one) => one.primary).map((one) => [one.key, one.axis, (value) => decimal(value, one.decimals)]);
  return [...primary, ['eval_loss', 'evaluation loss', say.loss], ['loss', 'training loss', say.loss]];
}

function metricOf(page) {
  const metrics = metricsOf(page.store);
  return metrics.find(([name]) => name === page.state.metric) || metrics[0];
}

function drawComparison(page) {
  const { state } = page;
  const chosen = [...state.chosen];
  if (!chosen.length) return [el('h2', {}, 'Comparison'), el('p', { class: 'empty' }, 'Choose runs by their boxes, or a row of a study by its +, to see their curves and what differs. A run\u2019s name opens all that is known of it.')];
  const groups = grouped(page, chosen);
  return [
    el('div', { class: 'bar' }, el('h2', {}, 'Comparison ', el('span', { class: 'quiet' }, chosen.length === 1 ? '1 run' : chosen.length + ' runs')), el('button', { type: 'button', class: 'plain', id: 'clear', on: { click: () => page.clear() } }, 'clear')),
    switches(page, chosen),
    curvesOf(page, groups),
    legend(page, groups),
    el('h3', {}, state.all ? 'Numbers and the whole config' : 'Numbers and what differs'),
    el('div', { class: 'scroll' }, differences(page, groups)),
  ];
}

// One group per run, or one per recipe when seeds are joined.
function grouped(page, chosen) {
  const { store, state } = page;
  const found = new Map();
  for (const run of chosen) {
    const key = state.join ? store.recipe(run) : run;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(run);
  }
  return [...found.values()].map((runs, index) => ({ runs, label: groupLabel(page, runs), color: index % 8, dash: Math.floor(index / 8) % 3 }));
}

function groupLabel(page, runs) {
  const label = page.store.label(runs[0], page.state.study);
  return runs.length === 1 ? label : (label.replace(/,?seed=\d+/, '').replace(/\/$/, '') || 'base') + ' (' + runs.length + ' seeds)';
}

function switches(page, chosen) {
  const { state } = page;
  const toggle = (name, text, title) => el('button', { type: 'button', 'data-toggle': name, title, 'aria-pressed': String(state[name]), on: { click: () => page.set({ [name]: !state[name] }) } }, text);
  return el(
    'div', { class: 'switches' },
    metricsOf(page.store).map(([name, title]) => el('button', { type: 'button', 'data-metric': name, 'aria-pressed': String(metricOf(page)[0] === name), on: { click: () => page.set({ metric: name }) } }, title)),
    chosen.length > 1 && toggle('join', 'mean over seeds', 'Draw runs that differ in the seed alone as one line with a band of one standard deviation'),
    toggle('end', 'second half', 'Show the second half of the training only'),
    chosen.length > 0 && toggle('all', 'whole config', 'List all config values, not only those that differ'),
  );
}

function curvesOf(page, groups) {
  const [metric, title, word] = metricOf(page);
  const series = groups.map((group) => ({ ...group, ...average(group.runs.map((run) => page.store.curve(run, metric))) })).filter((one) => one.points.length);
  if (!series.length) return el('p', { class: 'empty' }, 'No epoch is finished yet.');
  const thinned = page.store.raw.curves.thinned ? ' Curves show at most ' + page.store.raw.curves.points + ' of their epochs.' : '';
  return el('div', {}, chart(series, { name: title, end: page.state.end, say: word }), el('p', { class: 'note' }, title + ' by epoch.' + thinned));
}

// Mean and standard deviation over seeds, at the epochs that all of them have.
function average(curves) {
  const started = curves.filter((points) => points.length);
  if (started.length < 2) return { points: started[0] || [], band: null };
  const values = started.map((points) => new Map(points));
  const epochs = started[0].map(([x]) => x).filter((x) => values.every((one) => one.has(x)));
  const rows = epochs.map((x) => {
    const ys = values.map((one) => one.get(x));
    const [mean, spread] = moments(ys);
    return [x, mean, spread];
  });
  return { points: rows.map(([x, mean]) => [x, mean]), band: rows.map(([x, mean, spread]) => [x, mean - spread, mean + spread]) };
}

function moments(ys) {
  const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length;
  return [mean, ys.length > 1 ? Math.sqrt(ys.reduce((sum, y) => sum + (y - mean) ** 2, 0) / (ys.length - 1)) : null];
}

function legend(page, groups) {
  return el('ul', { class: 'legend' }, groups.map((group) => el(
    'li', { class: 'c' + group.color },
    el('span', { class: 'key d' + group.dash }), el('span', { class: 'text', title: group.label }, group.label),
    el('span', { class: 'value' }, measured(page.store, group.runs, page.store.primary, 'last')),
    el('button', { type: 'button', title: 'Take out of the comparison', 'aria-label': 'Remove ' + group.label, on: { click: () => page.drop(group.runs) } }, '\u00d7'),
  )));
}

// Runs whose numbers are final.
function ended(store, runs) {
  return runs.filter((run) => ['finished', 'imported'].includes(store.get('status', run)));
}

// Values of a column. A run that still goes has those of its newest epoch, which are in no mean of several runs.
function known(store, runs, name) {
  return (runs.length > 1 ? ended(store, runs) : runs).map((run) => store.get(name, run)).filter((value) => value != null);
}

function measured(store, runs, measure, which) {
  const values = known(store, runs, which + '_' + measure.key);
  if (!values.length) return DASH;
  const [mean, spread] = moments(values);
  return decimal(mean, measure.decimals) + (spread == null ? '' : ' \u00b1 ' + spread.toFixed(measure.decimals));
}

function differences(page, groups) {
  const { store, state } = page;
  const few = groups.slice(0, 12);
  const text = (runs, name, word) => [...new Set(runs.map((run) => word(store.get(name, run))))].join(', ');
  const rows = [
    ['status', (runs) => text(runs, 'status', say.text)],
    ...store.measures.filter((one) => one.primary).flatMap((one) => [
      [withUnit(one, 'last'), (runs) => measured(store, runs, one, 'last'), true],
      ['minus the first', (runs) => (runs === few[0].runs ? '' : gap(store, runs, few[0].runs, one)), true],
      [withUnit(one, 'best'), (runs) => measured(store, runs, one, 'best'), true],
    ]),
    ...store.measures.filter((one) => !one.primary).map((one) => [withUnit(one, 'last'), (runs) => measured(store, runs, one, 'last'), true]),
    ['params', (runs) => text(runs, 'params', say.count), true],
    ['MACs', (runs) => text(runs, 'macs', say.count), true],
  ].map(([name, make, number]) => [name, few.map((group) => make(group.runs)), number, false]);
  const facts = ['code_tree', 'data', 'device'].map((name) => [name, few.map((group) => text(group.runs, name, say.text)), false, true]).filter(([, cells]) => new Set(cells).size > 1);
  const config = Object.keys(store.raw.config).map((name) => [name, few.map((group) => text(group.runs, name, say.text)), false, true]);
  const differing = config.filter(([, cells]) => new Set(cells).size > 1);
  const shownRows = [...rows, ...facts, ...(state.all ? config : differing)];
  return [
    el('table', { class: 'diff' }, el('thead', {}, el('tr', {}, el('th', {}, ''), few.map((group) => el('th', {}, el('span', { class: 'key c' + group.color + ' d' + group.dash }), group.label)))), el('tbody', {}, shownRows.map(([name, cells, number, marks]) => el('tr', { 'data-key': name }, el('th', { scope: 'row' }, name), cells.map((cell) => el('td', { class: [number && 'num', marks && cell !== cells[0] && 'changed'].filter(Boolean).join(' ') || null }, cell)))))),
    groups.length > few.length && el('p', { class: 'note' }, 'The first ' + few.length + ' of ' + groups.length + ' are listed.'),
    !state.all && few.length > 1 && !differing.length && el('p', { class: 'note' }, 'Their configs are equal.'),
  ];
}

function gap(store, runs, others, measure) {
  const [here, there] = [runs, others].map((some) => known(store, some, 'last_' + measure.key));
  return here.length && there.length ? signed(moments(here)[0] - moments(there)[0], measure.decimals) : DASH;
}

function withUnit(measure, which) {
  return measure.short + ' ' + which + (measure.unit ? ' (' + measure.unit + ')' : '');
}
