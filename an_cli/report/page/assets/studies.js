// Studies: a card each with how far it is, and the table of the chosen one.
const STATUSES = ['finished', 'imported', 'running', 'interrupted', 'waiting', 'unknown', 'failed', 'unreadable', 'missing'];

function drawStudies(page) {
  const { store, state } = page;
  const cards = store.raw.studies.map((study) => card(page, study.name, study.title || 'its study file is not here', study.runs, study.planned, study.name));
  const every = Array.from({ length: store.count }, (_, run) => run);
  byId('studies').replaceChildren(card(page, 'All runs', store.raw.studies.length === 1 ? '1 study' : store.raw.studies.length + ' studies', every, every.length, ''), ...cards);
  const study = store.raw.studies.find((one) => one.name === state.study);
  byId('study').hidden = !study;
  if (study) byId('study').replaceChildren(...studyTable(page, study).flat(2).filter(Boolean));
}

function card(page, name, title, runs, planned, key) {
  const counts = new Map();
  for (const run of runs) {
    const status = page.store.get('status', run);
    counts.set(status, (counts.get(status) || 0) + 1);
  }
  if (planned > runs.length) counts.set('missing', (counts.get('missing') || 0) + planned - runs.length);
  const total = Math.max(planned, runs.length, 1);
  const parts = STATUSES.filter((status) => counts.has(status));
  const bars = parts.filter((status) => status !== 'waiting' && status !== 'missing').map((status) => el('i', { class: 's-' + status, css: { width: (100 * counts.get(status)) / total + '%' } }));
  const words = parts.map((status) => counts.get(status) + ' ' + (status === 'missing' ? 'not started' : status)).join(', ');
  return el(
    'button',
    { type: 'button', class: 'card', title: title, 'data-study': key, 'aria-pressed': String(page.state.study === key), on: { click: () => page.chooseStudy(key) } },
    el('b', {}, name), el('small', {}, title), el('div', { class: 'progress', 'aria-hidden': 'true' }, bars), el('small', {}, words || 'no runs'),
  );
}

function studyTable(page, study) {
  const head = el('h2', {}, study.title || study.name);
  if (!study.table) return [head, designs(page, study), el('p', { class: 'note' }, study.note)];
  const { table } = study;
  const marks = new Map(table.footnotes.map((one) => [one.text, one.mark]));
  const shownGain = table.rows.some((row) => row.gain?.mean != null);
  const columns = [['design'], ['seeds'], ['params', 'num'], ['FLOPs', 'num'], ['top-1 (%)', 'num'], ['top-5 (%)', 'num'], ...(shownGain ? [['vs. reference', 'num']] : [])];
  const rows = table.rows.map((row) => el(
    'tr', {},
    el('td', { class: row.baseline ? 'baseline' : null }, row.label, noteMarks(row.notes, marks), row.baseline && el('span', { class: 'tag' }, 'baseline'), row.status !== 'finished' && el('span', { class: 'tag' }, row.status)),
    el('td', { class: 'seeds' }, row.runs.map((id, index) => seedButton(page, id, row.seeds[index])), row.runs.length > 0 && el('button', { type: 'button', class: 'plain', 'data-compare': row.label, title: 'Add these runs to the comparison', on: { click: () => page.chooseMany(row.runs) } }, '+')),
    el('td', { class: 'num' }, say.text(row.params)),
    el('td', { class: 'num' }, say.text(row.macs)),
    el('td', { class: 'num' + bestClass(row.top1_error_pct) }, withSpread(row.top1_error_pct, say.pct), noteMarks(row.top1_error_pct?.notes, marks)),
    el('td', { class: 'num' + bestClass(row.top5_error_pct) }, withSpread(row.top5_error_pct, say.pct), noteMarks(row.top5_error_pct?.notes, marks)),
    shownGain && el('td', { class: 'num' }, difference(row.gain, table.alpha), noteMarks(row.gain?.notes, marks)),
  ));
  return [
    head,
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, columns.map(([title, kind]) => el('th', { class: kind }, title)))), el('tbody', {}, rows))),
    el('ul', { class: 'notes' }, table.footnotes.map((one) => el('li', {}, el('sup', {}, one.mark), one.text)), el('li', { class: 'general' }, table.notes.join(' '))),
  ];
}

// Without a study file: runs that differ in the seed alone make a row, the lowest error first.
function designs(page, study) {
  const groups = new Map();
  for (const run of study.runs) {
    const key = page.store.recipe(run);
    groups.set(key, [...(groups.get(key) || []), run]);
  }
  const mean = (runs) => { const values = known(page.store, runs, 'last_top1_error_pct'); return values.length ? moments(values)[0] : Infinity; };
  const order = [...groups.values()].sort((a, b) => mean(a) - mean(b) || 0);
  const ids = (runs) => runs.map((run) => page.store.raw.runs.id[run]);
  const rows = order.slice(0, 12).map((runs) => el(
    'tr', {},
    el('td', {}, groupLabel(page, runs)),
    el('td', { class: 'seeds' }, el('button', { type: 'button', class: 'plain', title: 'Add these runs to the comparison', on: { click: () => page.chooseMany(ids(runs)) } }, '+')),
    el('td', { class: 'num' }, known(page.store, runs, 'last_top1_error_pct').length + ' of ' + runs.length),
    el('td', { class: 'num' }, measured(page.store, runs, 'last_top1_error_pct')),
  ));
  const titles = [['design'], [''], ['finished', 'num'], ['top-1 last (%)', 'num']];
  return [
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, titles.map(([title, kind]) => el('th', { class: kind }, title)))), el('tbody', {}, rows))),
    order.length > rows.length && el('p', { class: 'note' }, 'The ' + rows.length + ' lowest of ' + order.length + ' designs, by their mean; means of few seeds need not differ.'),
  ];
}

function noteMarks(notes, marks) {
  const found = (notes || []).map((text) => marks.get(text)).filter(Boolean);
  return found.length ? el('sup', {}, found.join(',')) : '';
}

function withSpread(measured, word) {
  if (!measured || measured.mean == null) return DASH;
  return [word(measured.mean), measured.std == null ? '' : el('span', { class: 'spread' }, ' \u00b1 ' + measured.std.toFixed(2))];
}

// Bold: told apart from every other row; underlined: among those that share the lead, as the table's notes say.
function bestClass(measured) {
  return measured?.marks?.includes('best') ? ' best' : measured?.marks?.includes('tied') ? ' tied' : '';
}

// A difference with the interval of its comparison; bold where the table's test tells the two rows apart.
function difference(gain, alpha) {
  const found = gain?.comparison;
  if (!found?.interval || gain.mean == null) return withSpread(gain, say.signed);
  const apart = found.p_table != null && found.p_table <= (alpha ?? 0.05);
  const [low, high] = found.interval.map(say.signed);
  const word = found.p_table == null ? 'not tested' : (apart ? 'differs' : 'not told apart') + ', p = ' + found.p_table.toPrecision(2) + ' over the table';
  return el('span', { class: apart ? 'best' : null, title: found.method + ': ' + word }, say.signed(gain.mean), el('span', { class: 'spread' }, ' [' + low + ', ' + high + ']'));
}

function seedButton(page, id, seed) {
  const run = page.store.place.get(id);
  return run === undefined ? '' : el('button', { type: 'button', title: id, on: { click: () => page.open(run) } }, String(seed ?? '?'));
}
