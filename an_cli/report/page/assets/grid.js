// The table of runs. Only the rows in sight exist, so that ten thousand cost as much as thirty.
const ROW = 30;

function startGrid(page) {
  const box = byId('grid');
  page.head = el('div', { class: 'head', role: 'row' });
  page.rows = el('div', { class: 'rows', role: 'rowgroup' });
  page.here = -1;
  box.replaceChildren(page.head, page.rows);
  box.addEventListener('scroll', () => requestAnimationFrame(() => drawRows(page)), { passive: true });
  box.addEventListener('keydown', (event) => onKey(page, event));
  new ResizeObserver(() => { if (page.visible) { measureGrid(page); drawRows(page); } }).observe(box);
}

function drawGrid(page) {
  const columns = page.columns.filter((column) => page.state.columns.has(column.name));
  page.visible = columns;
  measureGrid(page);
  const all = page.shown.length > 0 && page.shown.every((run) => page.state.chosen.has(run));
  const tick = el('input', { type: 'checkbox', 'aria-label': 'Choose all runs shown, at most ' + MOST, on: { change: () => page.chooseAll(!all) } });
  tick.checked = all;
  page.head.replaceChildren(
    el('div', { class: 'cell', role: 'columnheader', css: { 'align-self': 'center' } }, tick),
    heading(page, { name: 'status', title: 'status', hint: 'state of the run, read off the disk' }),
    heading(page, { name: 'label', title: 'run', hint: 'its name within its study' }),
    heading(page, { name: 'curve', title: 'curve', hint: page.store.primary.title + ' by epoch' }, false),
    ...columns.map((column) => heading(page, column)),
  );
  byId('grid').setAttribute('aria-rowcount', String(page.shown.length + 1));
  page.rows.style.setProperty('height', Math.max(ROW * page.shown.length, 1) + 'px');
  drawRows(page);
}

// Columns have fixed widths, so that head and rows agree; the run's name takes what is left.
function measureGrid(page) {
  const fixed = [34, 116, 0, 86, ...page.visible.map((column) => column.width)];
  fixed[2] = Math.max(230, byId('grid').clientWidth - fixed.reduce((sum, width) => sum + width, 0));
  page.template = fixed.map((width) => width + 'px').join(' ');
  page.width = fixed.reduce((sum, width) => sum + width, 0) + 'px';
  for (const part of [page.head, page.rows]) part.style.setProperty('width', page.width);
  page.head.style.setProperty('grid-template-columns', page.template);
}

function heading(page, column, sorts = true) {
  const { key, descending } = page.state.sort;
  const direction = key === column.name ? (descending ? 'descending' : 'ascending') : 'none';
  const arrow = direction === 'ascending' ? ' \u2191' : direction === 'descending' ? ' \u2193' : '';
  const kind = column.number ? 'num' : null;
  if (!sorts) return el('div', { role: 'columnheader', css: { display: 'grid' } }, el('button', { type: 'button', title: column.hint, disabled: true }, column.title));
  const button = el('button', { type: 'button', class: kind, title: column.hint, 'data-sort': column.name, on: { click: () => page.sortBy(column.name) } }, column.title + arrow);
  return el('div', { role: 'columnheader', 'aria-sort': direction, css: { display: 'grid' } }, button);
}

function drawRows(page) {
  const box = byId('grid');
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 6);
  const last = Math.min(page.shown.length, first + Math.ceil(box.clientHeight / ROW) + 14);
  const rows = [];
  for (let place = first; place < last; place++) rows.push(gridRow(page, page.shown[place], place));
  if (!rows.length) rows.push(el('div', { class: 'empty' }, page.store.count ? 'No run passes the filter.' : 'No runs in this store yet.'));
  page.rows.replaceChildren(...rows);
}

function gridRow(page, run, place) {
  const { store, state } = page;
  const chosen = state.chosen.has(run);
  const tick = el('input', { type: 'checkbox', tabindex: -1, 'aria-label': 'Choose ' + store.label(run, state.study), on: { change: () => page.choose(run) } });
  tick.checked = chosen;
  const status = store.get('status', run);
  return el(
    'div',
    {
      class: 'row' + (place === page.here ? ' here' : ''), role: 'row', 'aria-selected': String(chosen), 'aria-rowindex': place + 2, 'data-run': store.raw.runs.id[run],
      css: { top: place * ROW + 'px', width: page.width, 'grid-template-columns': page.template },
    },
    el('div', { class: 'cell', role: 'gridcell' }, tick),
    el('div', { class: 'cell', role: 'gridcell' }, statusWord(status)),
    el('div', { class: 'cell', role: 'gridcell' }, el('button', { type: 'button', class: 'name', tabindex: -1, title: store.label(run, state.study), on: { click: () => page.open(run) } }, store.label(run, state.study))),
    el('div', { class: 'cell', role: 'gridcell' }, spark(primaryCurve(store, run))),
    ...page.visible.map((column) => {
      const text = column.say(store.get(column.name, run));
      return el('div', { class: 'cell' + (column.number ? ' num' : ''), role: 'gridcell', title: column.number ? null : text, 'data-column': column.name }, text);
    }),
  );
}

// Of the measure that the run's task is judged by.
function primaryCurve(store, run) {
  const curves = store.measures.filter((one) => one.primary).map((one) => store.curve(run, one.key));
  return curves.find((points) => points.length) || [];
}

function statusWord(status) {
  return el('span', { class: 'status s-' + status }, el('span', {}, status));
}

function onKey(page, event) {
  if (event.target !== byId('grid')) return;
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  const run = page.shown[page.here];
  if (event.key in moves) {
    page.here = Math.max(0, Math.min(page.shown.length - 1, page.here + moves[event.key]));
    const box = byId('grid');
    const top = page.here * ROW;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + 3 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + 3 * ROW - box.clientHeight;
    drawRows(page);
  } else if (event.key === ' ' && run !== undefined) page.choose(run);
  else if (event.key === 'Enter' && run !== undefined) page.open(run);
  else return;
  event.preventDefault();
}
