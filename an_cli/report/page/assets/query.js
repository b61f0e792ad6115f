// Filters: words that must all hold. `seed=0`, `last<17`, `gate!=softmax`, or a free word found anywhere in the run.
const SHORT = { loss: 'last_loss', time: 'train_s', done: 'progress' };

// `last` and `best` of the primary measure; a measure by its key, or by what its key begins with (`rmse`).
function shortNamed(key, store) {
  if (Object.hasOwn(SHORT, key)) return SHORT[key];
  if (key === 'last' || key === 'best') return key + '_' + store.primary.key;
  const measure = store.measures.find((one) => one.key === key || one.key.split('_')[0] === key);
  return measure && 'last_' + measure.key;
}

function parseFilter(text, store) {
  const tests = [];
  for (const word of text.match(/(?:[^\s"]|"[^"]*"?)+/g) || []) {
    const found = word.match(/^([\w.]+)(!=|<=|>=|=|<|>)(.*)$/s);
    const plain = word.replaceAll('"', '');
    if (!found) {
      const wanted = plain.toLowerCase();
      tests.push((run) => store.text(run).includes(wanted));
      continue;
    }
    const [, key, operator, rest] = found;
    const name = columnNamed(key, store);
    if (!name) return { wrong: 'There is no column \u201c' + key + '\u201d. Columns: ' + someNames(store) };
    tests.push(comparison(store.columns.get(name), operator, rest.replaceAll('"', '')));
  }
  return { test: (run) => tests.every((holds) => holds(run)) };
}

function columnNamed(key, store) {
  const short = shortNamed(key, store);
  if (short) return short;
  const names = [...store.columns.keys()];
  return names.find((name) => name === key) || names.find((name) => name.endsWith('.' + key) && store.varying.includes(name)) || names.find((name) => name.endsWith('.' + key));
}

function someNames(store) {
  return ['status', 'last', 'best', 'seed', ...store.varying].slice(0, 12).join(', ');
}

function comparison(get, operator, wanted) {
  const number = wanted.trim() === '' ? NaN : Number(wanted);
  const equal = (value) => {
    if (typeof value === 'number' && !Number.isNaN(number)) return value === number;
    const text = shown(value).toLowerCase();
    const plain = text.replace(/[()\s]/g, '');
    return text === wanted.toLowerCase() || plain === wanted.toLowerCase().replace(/[()[\]\s]/g, '');
  };
  switch (operator) {
    case '=': return (run) => equal(get(run));
    case '!=': return (run) => !equal(get(run));
    case '<': return (run) => get(run) != null && get(run) < number;
    case '<=': return (run) => get(run) != null && get(run) <= number;
    case '>': return (run) => get(run) != null && get(run) > number;
    default: return (run) => get(run) != null && get(run) >= number;
  }
}

// Runs by a column; what is not known comes last in either direction, equals stay in the order of their labels.
function sorted(runs, get, descending) {
  const keys = new Map(runs.map((run) => [run, sortKey(get(run))]));
  const sign = descending ? -1 : 1;
  return runs.slice().sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (x === y) return 0;
    if (x == null) return 1;
    if (y == null) return -1;
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
    return sign * ORDER.compare(String(x), String(y));
  });
}

const ORDER = new Intl.Collator('en', { numeric: true });
const sortKey = (value) => (Array.isArray(value) ? shown(value) : value);
