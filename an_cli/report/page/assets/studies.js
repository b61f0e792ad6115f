// Studies: a card each with how far it is, and the table of the chosen one.
const STATUSES = ['finished', 'imported', 'running', 'paused', 'interrupted', 'submitting', 'queued', 'held', 'waiting', 'unknown', 'failed', 'unreadable', 'missing'];
const UNSTARTED = ['submitting', 'queued', 'held', 'waiting', 'missing'];

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
  const parts = [...STATUSES, ...[...counts.keys()].filter((status) => !STATUSES.includes(status))].filter((status) => counts.has(status));
  const bars = parts.filter((status) => !UNSTARTED.includes(status)).map((status) => el('i', { class: 's-' + status, css: { width: (100 * counts.get(status)) / total + '%' } }));
  const words = parts.map((status) => counts.get(status) + ' ' + status).join(', ');
  return el(
    'button',
    { type: 'button', class: 'card', title: title, 'data-study': key, 'aria-pressed': String(page.state.study === key), on: { click: () => page.chooseStudy(key) } },
    el('b', {}, name), el('small', {}, title), el('div', { class: 'progress', 'aria-hidden': 'true' }, bars), el('small', {}, words || 'no runs'),
  );
}

function studyTable(page, study) {
  const head = el('h2', {}, study.title || study.name);
  const pictures = (study.figures || []).map((one) => el('img', { src: one.source, alt: one.title + ' of ' + study.name, class: 'figure' }));
  if (!study.table) return [head, designs(page, study), el('p', { class: 'note' }, study.note), el('div', { class: 'figures' }, pictures)];
  const { table } = study;
  const kind = (column) => (column.words ? null : 'num');
  const [first, ...others] = table.heads;
  const rows = table.rows.map((row) => el(
    'tr', {},
    el('td', { class: row.baseline ? 'baseline' : null }, printed(row.printed[0]), row.states && el('span', { class: 'tag' }, row.states)),
    el('td', { class: 'seeds' }, row.runs.map((id, index) => seedButton(page, id, row.seeds[index])), row.runs.length > 0 && el('button', { type: 'button', class: 'plain', 'data-compare': row.label, title: 'Add these runs to the comparison', on: { click: () => page.chooseMany(row.runs) } }, '+')),
    row.printed.slice(1).map((cell, index) => el('td', { class: kind(others[index]), title: cell.interval ? row.gain?.comparison?.method : null }, printed(cell))),
  ));
  const heads = [el('th', { class: kind(first) }, first.title), el('th', {}, 'runs'), others.map((column) => el('th', { class: kind(column) }, column.title))];
  return [
    head,
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, heads)), el('tbody', {}, rows))),
    el('ul', { class: 'notes' }, table.footnotes.map((one) => el('li', {}, el('sup', {}, one.mark), one.text)), el('li', { class: 'general' }, table.notes.join(' '))),
  ];
}

// Without a study file: runs that differ in the seed alone make a row, the best first.
function designs(page, study) {
  const groups = new Map();
  for (const run of study.runs) {
    const key = page.store.recipe(run);
    groups.set(key, [...(groups.get(key) || []), run]);
  }
  const { primary } = page.store;
  // Minus the sign: smaller is better here, whatever the measure.
  const mean = (runs) => { const values = known(page.store, ended(page.store, runs), 'last_' + primary.key); return values.length ? -primary.sign * moments(values)[0] : Infinity; };
  const order = [...groups.values()].sort((a, b) => mean(a) - mean(b) || 0);
  const ids = (runs) => runs.map((run) => page.store.raw.runs.id[run]);
  const rows = order.slice(0, 12).map((runs) => el(
    'tr', {},
    el('td', {}, groupLabel(page, runs)),
    el('td', { class: 'seeds' }, el('button', { type: 'button', class: 'plain', title: 'Add these runs to the comparison', on: { click: () => page.chooseMany(ids(runs)) } }, '+')),
    el('td', { class: 'num' }, ended(page.store, runs).length + ' of ' + runs.length),
    el('td', { class: 'num' }, measured(page.store, ended(page.store, runs), primary, 'last')),
  ));
  const titles = [['design'], [''], ['finished', 'num'], [withUnit(primary, 'last'), 'num']];
  return [
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, el('tr', {}, titles.map(([title, kind]) => el('th', { class: kind }, title)))), el('tbody', {}, rows))),
    order.length > rows.length && el('p', { class: 'note' }, 'The ' + rows.length + ' best of ' + order.length + ' designs, by their mean; means of few seeds need not differ.'),
  ];
}

// A cell as every format prints it: bold where it is told apart from all others, underlined where it shares the lead.
function printed(cell) {
  const marks = cell.marks && el('sup', {}, cell.marks.join(','));
  if (!cell.number) return [cell.word, marks];
  const quiet = (text, more = '') => el('span', { class: 'spread' + more }, ' ' + text);
  const number = el('span', { class: cell.best ? 'best' : cell.tied ? 'tied' : null }, cell.number);
  return [number, cell.bracket && ' (' + cell.bracket + ')', cell.spread && quiet('\u00b1 ' + cell.spread), marks, cell.interval && quiet(cell.interval, ' interval')];
}

function seedButton(page, id, seed) {
  const run = page.store.place.get(id);
  return run === undefined ? '' : el('button', { type: 'button', title: id, on: { click: () => page.open(run) } }, String(seed ?? '?'));
}
