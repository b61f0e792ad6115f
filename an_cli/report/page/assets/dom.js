// Elements. Every text of the store goes through text nodes; there is no innerHTML in this page.
const SVG = 'http://www.w3.org/2000/svg';

function el(tag, given = {}, ...children) {
  return fill(document.createElement(tag), given, children);
}

function svg(tag, given = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), given, children);
}

function fill(node, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (name === 'on') for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (name === 'css') for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.flat(3).filter((child) => child != null && child !== false && child !== ''));
  return node;
}

const byId = (id) => document.getElementById(id);

const DASH = '\u2013';
const decimal = (value, decimals) => (value == null ? DASH : value.toFixed(decimals));
const signed = (value, decimals) => (value > 0 ? '+' : value < 0 ? '\u2212' : '') + Math.abs(value).toFixed(decimals);

const say = {
  loss: (value) => (value == null ? DASH : value.toPrecision(4)),
  count: (value) => (value == null ? DASH : scaled(value)),
  share: (value) => (value == null ? DASH : Math.floor(value * 100) + ' %'),
  time: (value) => (value == null ? DASH : duration(value)),
  text: (value) => (value == null ? DASH : shown(value)),
};

function scaled(value) {
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (Math.abs(value) >= unit) return (value / unit).toFixed(2) + '\u00a0' + letter;
  }
  return String(value);
}

function duration(seconds) {
  if (seconds < 60) return Math.round(seconds) + ' s';
  if (seconds < 3600) return Math.round(seconds / 60) + ' min';
  return (seconds / 3600).toFixed(1) + ' h';
}

function shown(value) {
  return Array.isArray(value) ? '(' + value.map(shown).join(', ') + ')' : value === null ? 'null' : String(value);
}
