// All that is known of one run.
function drawDetails(page, run) {
  const { store } = page;
  const id = store.raw.runs.id[run];
  const get = (name) => store.get(name, run);
  const error = store.raw.errors[run];
  const facts = [
    ['status', statusWord(get('status'))],
    ['id', el('code', {}, id)],
    ['studies', (store.labels.get(run) || []).map((pair) => pair.join('/')).join(', ') || DASH],
    ...store.measures.filter((one) => get('last_' + one.key) != null || one === store.primary).map((one) => {
      const [last, best] = ['last', 'best'].map((which) => (decimal(get(which + '_' + one.key), one.decimals) + ' ' + one.unit).trimEnd());
      const epoch = (which) => (one.primary ? ` (epoch ${say.text(get(which + '_epoch'))})` : '');
      return [one.title, `last ${last}${epoch('last')}, best ${best}${epoch('best')}`];
    }),
    ['size', `${say.count(get('params'))} parameters, ${say.count(get('macs'))} MACs`],
    ['training', `${say.share(get('progress'))} done, ${say.text(get('epochs'))} epochs, ${say.time(get('train_s'))}, ${say.text(get('attempts'))} attempt${get('attempts') === 1 ? '' : 's'}`],
    ['ran on', `${say.text(get('device'))}, ${say.text(get('host'))}, started ${say.text(get('started_at'))}`],
    ['code', `${say.text(get('code_tree'))}${get('code') === 'other' ? ', not the code that wrote this page' : ''}, commit ${say.text(get('commit'))}`],
    ['data', say.text(get('data'))],
    get('skipped_lines') ? ['damaged', get('skipped_lines') + ' lines of its records could not be read'] : null,
    ['folder', folder(store, id)],
    get('url') ? ['tracker', el('a', { href: get('url'), rel: 'noreferrer' }, get('url'))] : null,
    ['to see more', el('code', {}, 'an-cli show ' + id)],
  ].filter(Boolean);
  const [metric, title, word] = metricOf(page);
  const points = store.curve(run, metric);
  return [
    el('div', { class: 'bar' }, el('button', { type: 'button', class: 'plain', id: 'back', on: { click: () => page.open(null) } }, '\u2190 comparison')),
    el('h2', {}, store.label(run, page.state.study)),
    el('dl', { class: 'facts' }, facts.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])),
    error && [el('h3', {}, 'What went wrong'), el('pre', {}, error)],
    switches(page, []),
    points.length ? chart([{ label: title, color: 0, dash: 0, points, band: null }], { name: title, end: page.state.end, say: word }) : el('p', { class: 'empty' }, 'No epoch is finished yet.'),
    el('h3', {}, 'Config'),
    el('div', { class: 'scroll' }, el('table', { class: 'diff' }, el('tbody', {}, Object.keys(store.raw.config).map((name) => el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, say.text(get(name)))))))),
  ];
}

function folder(store, id) {
  const { runs_at: at } = store.raw;
  if (!at) return 'runs/' + id;
  const path = [...at.split('/'), id].map(encodeURIComponent).join('/');
  return el('a', { href: (at.startsWith('/') ? '' : './') + path + '/', rel: 'noreferrer' }, at + '/' + id);
}
