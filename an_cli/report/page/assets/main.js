// The page's state and what changes it. The state is kept in the address behind #, so that a view can be linked to.
const EVERY_MS = 5000;

const page = {
  store: new Store(JSON.parse(byId('data').textContent)),
  state: { study: '', filter: '', sort: { key: '', descending: false }, chosen: new Set(), opened: null, metric: '', join: false, end: false, all: false, columns: new Set() },

  set(changes) {
    Object.assign(this.state, changes);
    drawRight(this);
    writeAddress(this);
  },
  sortBy(key) {
    const { sort } = this.state;
    this.state.sort = sort.key !== key ? { key, descending: false } : sort.descending ? { key: '', descending: false } : { key, descending: true };
    arrange(this);
  },
  chooseStudy(name) {
    this.state.study = name;
    drawStudies(this);
    byId('grid').scrollTop = 0;
    arrange(this);
  },
  choose(run) {
    const { chosen } = this.state;
    if (!chosen.delete(run) && chosen.size < MOST) chosen.add(run);
    this.changed();
  },
  chooseAll(wanted) {
    for (const run of this.shown) {
      if (!wanted) this.state.chosen.delete(run);
      else if (this.state.chosen.size < MOST) this.state.chosen.add(run);
    }
    this.changed();
  },
  chooseMany(ids) {
    for (const id of ids) if (this.store.place.has(id) && this.state.chosen.size < MOST) this.state.chosen.add(this.store.place.get(id));
    this.state.join = ids.length > 1 || this.state.join;
    this.changed();
  },
  drop(runs) {
    for (const run of runs) this.state.chosen.delete(run);
    this.changed();
  },
  clear() {
    this.state.chosen.clear();
    this.changed();
  },
  changed() {
    this.state.opened = null;
    drawGrid(this);
    drawRight(this);
    writeAddress(this);
  },
  open(run) {
    this.set({ opened: run });
    byId('right').scrollTop = 0;
    if (run !== null && window.innerWidth < 1120) byId('right').scrollIntoView();
  },
};

// All runs: each study's in its own order, then those of no study by id.
function inOrder(store) {
  const every = Array.from({ length: store.count }, (_, run) => run);
  return [...new Set([...store.raw.studies.flatMap((study) => study.runs), ...every])];
}

// Which runs are shown, in which order.
function arrange(page) {
  const { store, state } = page;
  const filter = parseFilter(state.filter, store);
  const study = store.raw.studies.find((one) => one.name === state.study);
  const pool = study ? study.runs : inOrder(store);
  if (!filter.wrong) {
    const label = (run) => store.label(run, state.study);
    const get = state.sort.key === 'label' ? label : store.columns.get(state.sort.key);
    const runs = pool.filter(filter.test);
    page.shown = get ? sorted(runs, get, state.sort.descending) : runs;
  }
  page.here = Math.min(page.here, page.shown.length - 1);
  byId('hint').textContent = filter.wrong || '';
  byId('hint').classList.toggle('wrong', Boolean(filter.wrong));
  byId('counted').textContent = page.shown.length === pool.length ? String(pool.length) : page.shown.length + ' of ' + pool.length;
  drawGrid(page);
  writeAddress(page);
}

function drawRight(page) {
  const { opened } = page.state;
  byId('right').replaceChildren(...(opened === null ? drawComparison(page) : drawDetails(page, opened)).flat(3).filter(Boolean));
}

function drawColumnMenu(page) {
  const boxes = page.columns.map((column) => {
    const box = el('input', { type: 'checkbox', on: { change: () => { page.state.columns[box.checked ? 'add' : 'delete'](column.name); drawGrid(page); } } });
    box.checked = page.state.columns.has(column.name);
    return el('label', { title: column.hint }, box, ' ' + column.title);
  });
  byId('columns').querySelector('div').replaceChildren(...boxes);
}

function drawTop(page) {
  const { raw } = page.store;
  document.title = raw.store + ' \u00b7 an-cli';
  byId('store').textContent = raw.store;
  byId('read').textContent = (raw.live ? 'live, read ' : 'as read ') + raw.at;
}

function drawAll(page) {
  page.columns = gridColumns(page.store);
  if (!page.state.columns.size) page.columns.filter((column) => column.shown).forEach((column) => page.state.columns.add(column.name));
  drawTop(page);
  drawStudies(page);
  drawColumnMenu(page);
  arrange(page);
  drawRight(page);
}

function readAddress(page) {
  const { state, store } = page;
  const found = new URLSearchParams(location.hash.slice(1));
  state.study = found.get('study') || '';
  state.filter = found.get('filter') || '';
  const sort = found.get('sort') || '';
  state.sort = { key: sort.replace(/^-/, ''), descending: sort.startsWith('-') };
  const places = (found.get('runs') || '').split(',').map((id) => store.place.get(id)).filter((run) => run !== undefined);
  state.chosen = new Set(places.slice(0, MOST));
  state.opened = store.place.get(found.get('open')) ?? null;
  if (metricsOf(store).some(([name]) => name === found.get('metric'))) state.metric = found.get('metric');
  for (const name of ['join', 'end', 'all']) state[name] = found.get(name) === '1';
  byId('filter').value = state.filter;
}

function writeAddress(page) {
  const { state, store } = page;
  const given = {
    study: state.study, filter: state.filter, sort: state.sort.key && (state.sort.descending ? '-' : '') + state.sort.key,
    runs: [...state.chosen].map((run) => store.raw.runs.id[run]).join(','), open: state.opened === null ? '' : store.raw.runs.id[state.opened],
    metric: state.metric === metricsOf(store)[0][0] ? '' : state.metric, join: state.join ? '1' : '', end: state.end ? '1' : '', all: state.all ? '1' : '',
  };
  const text = new URLSearchParams(Object.entries(given).filter(([, value]) => value)).toString();
  page.written = text ? '#' + text : '';
  if (location.hash !== page.written) history.replaceState(null, '', page.written || location.pathname + location.search);
}

// Take in newer data; what was chosen stays chosen.
function renew(page, raw) {
  const { state, store } = page;
  const [ids, opened] = [[...state.chosen].map((run) => store.raw.runs.id[run]), store.raw.runs.id[state.opened]];
  page.store = new Store(raw);
  state.chosen = new Set(ids.map((id) => page.store.place.get(id)).filter((run) => run !== undefined));
  state.opened = page.store.place.get(opened) ?? null;
  drawAll(page);
}

async function follow(page) {
  let tag = '';
  for (;;) {
    await new Promise((resume) => setTimeout(resume, EVERY_MS));
    if (document.hidden) continue;
    try {
      const answer = await fetch('data.json', { headers: tag ? { 'If-None-Match': tag } : {}, cache: 'no-store' });
      if (answer.status === 200) {
        tag = answer.headers.get('ETag') || '';
        renew(page, await answer.json());
      }
      byId('top').classList.remove('lost');
    } catch {
      byId('read').textContent = 'the server does not answer; last read ' + page.store.raw.at;
    }
  }
}

function start(page) {
  page.shown = [];
  startGrid(page);
  readAddress(page);
  drawAll(page);
  byId('filter').addEventListener('input', (event) => { page.state.filter = event.target.value; byId('grid').scrollTop = 0; arrange(page); });
  byId('theme').addEventListener('click', () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
  });
  addEventListener('hashchange', () => { if (location.hash !== page.written) { readAddress(page); drawAll(page); } });
  if (page.store.raw.live) follow(page);
  requestAnimationFrame(() => performance.mark('drawn'));
}

start(page);
