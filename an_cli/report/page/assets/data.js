// The store as the page knows it: columns by name, curves, studies.
class Store {
  constructor(raw) {
    this.raw = raw;
    this.measures = raw.measures;
    this.primary = raw.measures.find((one) => one.primary);
    this.count = raw.count;
    this.columns = new Map();
    for (const [name, column] of Object.entries(raw.runs)) this.columns.set(name, getter(column));
    for (const [name, column] of Object.entries(raw.config)) this.columns.set(name, getter(column));
    this.place = new Map(raw.runs.id.map((id, index) => [id, index]));
    this.varying = Object.entries(raw.config).filter(([, column]) => column.index).map(([name]) => name);
    this.labels = new Map();
    raw.studies.forEach((study) => study.runs.forEach((run, index) => {
      if (!this.labels.has(run)) this.labels.set(run, []);
      this.labels.get(run).push([study.name, study.labels[index]]);
    }));
    this.texts = [];
  }

  get(name, run) {
    const column = this.columns.get(name);
    return column ? column(run) : null;
  }

  // A run's label, within a study if one is chosen; else with the study that it is named by everywhere; else its id.
  label(run, study) {
    const found = this.labels.get(run);
    if (!found) return this.raw.runs.id[run];
    const here = found.find(([name]) => name === study);
    if (here) return here[1];
    const [name, label] = found.find(([name]) => name === this.get('study', run)) || found[0];
    return name + '/' + label;
  }

  // What free words of a filter are looked for in.
  text(run) {
    if (!this.texts[run]) {
      const labels = (this.labels.get(run) || []).map((pair) => pair.join('/'));
      const chosen = [...this.columns.keys()].filter((name) => name.startsWith('choice.')).map((name) => this.get(name, run));
      const config = this.varying.map((name) => shown(this.get(name, run)));
      this.texts[run] = [this.raw.runs.id[run], this.get('status', run), ...labels, ...chosen, ...config].join('\n').toLowerCase();
    }
    return this.texts[run];
  }

  // Points [epoch, value] of one metric of a run.
  curve(run, metric) {
    const found = this.raw.curves.metrics[metric]?.[run];
    if (!found) return [];
    const epochs = this.raw.curves.grids[this.raw.curves.grid[run]];
    const [low, high, text] = found;
    const raw = atob(text);
    const unit = (high - low) / 65534;
    const points = [];
    for (let index = 0; index < epochs.length; index++) {
      const step = raw.charCodeAt(2 * index) + 256 * raw.charCodeAt(2 * index + 1);
      if (step !== 65535) points.push([epochs[index], low + step * unit]);
    }
    return points;
  }

  // Runs that differ in the seed alone share a key.
  recipe(run) {
    return JSON.stringify(this.varying.filter((name) => name !== 'seed').map((name) => this.get(name, run)));
  }
}

function getter(column) {
  if (Array.isArray(column)) return (run) => column[run];
  const { values, index } = column;
  return index ? (run) => values[index[run]] : () => values[0];
}

// Of the primary measures the last and the best epoch, of the others the last.
function measureColumns(store) {
  const column = (one, which, shown, more) => ({
    name: which + '_' + one.key, title: one.short + ' ' + which, say: (value) => decimal(value, one.decimals), number: true, width: 106, shown,
    hint: one.title + ' of the ' + which + ' epoch' + (one.unit === '%' ? ', in per cent' : one.unit ? ', in ' + one.unit : '') + more,
  });
  const going = '; of a run that still goes, of its newest epoch';
  return [
    store.measures.filter((one) => one.primary).flatMap((one) => [column(one, 'last', true, going), column(one, 'best', true, '')]),
    store.measures.filter((one) => !one.primary).map((one) => column(one, 'last', false, '')),
  ];
}

const FIXED = [
  { name: 'last_loss', title: 'loss', say: say.loss, number: true, width: 80, hint: 'loss on the evaluation set after the last epoch' },
  { name: 'progress', title: 'done', say: say.share, number: true, width: 70, shown: true, hint: 'share of the training that is done' },
  { name: 'epochs', title: 'epochs', say: say.text, number: true, width: 76, hint: 'finished epochs' },
  { name: 'params', title: 'params', say: say.count, number: true, width: 88, shown: true, hint: 'learnable parameters' },
  { name: 'macs', title: 'MACs', say: say.count, number: true, width: 88, hint: 'multiply-accumulates for one image' },
  { name: 'train_s', title: 'time', say: say.time, number: true, width: 78, hint: 'training time' },
  { name: 'code', title: 'code', say: say.text, width: 78, hint: 'whether the code that made the run is the code that wrote this page' },
  { name: 'device', title: 'device', say: say.text, width: 130, hint: 'what it last ran on' },
  { name: 'started_at', title: 'started', say: say.text, width: 190, hint: 'start of its last attempt' },
];

// Lengths of a column's words.
function longest(store, name) {
  return (store.raw.config[name] || store.raw.runs[name]).values.slice(0, 200).map((value) => shown(value).length);
}

// All columns that the grid can show, in order.
function gridColumns(store) {
  const distinct = (name) => new Set((store.raw.config[name] || store.raw.runs[name]).values.map(shown)).size;
  const chosen = Object.keys(store.raw.runs).filter((name) => name.startsWith('choice.') && store.raw.runs[name].index);
  chosen.push(...['name', 'tags', 'notes'].filter((name) => store.raw.runs[name] && store.raw.runs[name].index));
  const config = store.varying.filter((name) => name !== 'seed');
  const short = new Map([...chosen, ...config].map((name) => [name, name.split('.').pop()]));
  const taken = [...short.values()];
  const made = [...chosen, ...config].map((name, index) => ({
    name,
    title: taken.filter((word) => word === short.get(name)).length > 1 ? name : short.get(name),
    say: say.text,
    width: Math.max(80, Math.min(150, 26 + 8 * Math.max(short.get(name).length, ...longest(store, name)))),
    hint: name + ': ' + distinct(name) + ' values',
    shown: index < 6,
  }));
  const seed = { name: 'seed', title: 'seed', say: say.text, number: true, width: 60, shown: true, hint: 'seed' };
  const [primary, others] = measureColumns(store);
  return [...primary, seed, ...made, ...others, ...FIXED];
}
