// A page that looks much like one of Grafana's: panels by their gridPos, each
// drawn by its type. What a dashboard asks for and this page does not know is an
// error, so that no picture shows less than the dashboard says.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { createTheme, formattedValueToString, getValueFormat } from '@grafana/data';
import uPlot from 'uplot';

const theme = createTheme();
const PALETTE = theme.visualization.palette.map((name) => theme.visualization.getColorByName(name));
// Of Grafana's grid.
const CELL = 30;
const GAP = 8;
const PAGE = 1600;

function element(parent, kind, className = '', text = '') {
  const made = parent.appendChild(document.createElement(kind));
  made.className = className;
  made.textContent = text;
  return made;
}

// A value as Grafana writes it.
function written(unit, value, decimals) {
  return unit === 'string' ? String(value) : formattedValueToString(getValueFormat(unit)(value, decimals));
}

function legend(target, metric) {
  return target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? label);
}

function timesOf({ begin, end, step }) {
  return Array.from({ length: Math.floor((end - begin) / step) + 1 }, (_, i) => begin + i * step);
}

// All series of a panel on the same times; null where Prometheus has no sample.
function columns(panel, answers, window) {
  const times = timesOf(window);
  const found = answers.flatMap((series, i) => series.map(({ metric, values }) => {
    const at = new Map(values.map(([time, value]) => [Math.round((time - window.begin) / window.step), Number(value)]));
    return { name: legend(panel.targets[i], metric), values: times.map((_, n) => finite(at.get(n))) };
  }));
  return { times, found };
}

function finite(value) {
  return Number.isFinite(value) ? value : null;
}

// Each series on the sum of those before it; nothing where no series has a value.
function stacked(found, times) {
  const sums = times.map((_, n) => (found.some((series) => series.values[n] !== null) ? 0 : null));
  return found.map(({ values }) => values.map((value, n) => {
    if (sums[n] !== null) sums[n] += value ?? 0;
    return sums[n];
  }));
}


// The ticks of an axis with as many decimals as they need and no more.
function tickTexts(unit, ticks) {
  const texts = (decimals) => ticks.map((tick) => written(unit, tick, decimals));
  const values = (decimals) => texts(decimals).map(Number.parseFloat).join();
  const wanted = values(6);
  return texts([0, 1, 2, 3, 4, 5].find((decimals) => values(decimals) === wanted) ?? 6);
}

function timeSeries(body, panel, answers, window, width, height) {
  const { defaults } = panel.fieldConfig;
  const { stacking, fillOpacity, lineWidth } = defaults.custom;
  const { times, found } = columns(panel, answers, window);
  const stack = stacking.mode === 'normal';
  const values = stack ? stacked(found, times) : found.map((s) => s.values);
  const colour = (i) => PALETTE[i % PALETTE.length];
  const names = drawLegend(body, panel, found, colour, width);
  const bytes = defaults.unit === 'bytes';
  new uPlot({
    width,
    height: height - names,
    legend: { show: false },
    cursor: { show: false },
    padding: [10, 12, 0, 0],
    scales: { y: { range: (_, low, high) => yRange(defaults, low, high) } },
    axes: [
      { stroke: theme.colors.text.primary, grid: { stroke: theme.colors.border.weak, width: 1 }, ticks: { show: false },
        font: '12px Inter', size: 24, space: 90,
        // Not below the lowest text of the other axis.
        filter: (plot, ticks) => ticks.map((t) => (plot.valToPos(t, 'x') < 20 ? null : t)),
        values: (_, ticks) => ticks.map((t) => t && new Date(t * 1000).toISOString().slice(11, 19).replace(/:00$/, '')) },
      { stroke: theme.colors.text.primary, grid: { stroke: theme.colors.border.weak, width: 1 }, ticks: { show: false },
        font: '12px Inter', space: 38, size: (_, texts) => Math.max(36, ...(texts ?? []).map((t) => 14 + 6.6 * t.length)),
        ...(bytes ? { incrs: Array.from({ length: 50 }, (_, i) => 2 ** i) } : {}),
        values: (_, ticks) => tickTexts(defaults.unit, ticks) },
    ],
    series: [{}, ...found.map((s, i) => ({
      label: s.name,
      stroke: colour(i),
      width: lineWidth,
      points: { show: false },
      fill: stack && i > 0 ? undefined : colour(i) + opacity(fillOpacity),
    }))],
    // A stacked series fills down to the one below.
    bands: stack ? found.slice(1).map((_, i) => ({ series: [i + 2, i + 1], fill: colour(i + 1) + opacity(fillOpacity) })) : [],
  }, [times, ...values], element(body, 'div', 'plot'));
}

function opacity(percent) {
  return Math.round(percent * 2.55).toString(16).padStart(2, '0');
}

function yRange({ min, max }, low, high) {
  if (low === null || high === null) return [0, 1];
  const [from, to] = uPlot.rangeNum(min ?? low, high === (min ?? low) ? high + 1 : high, 0.1, true);
  return [min ?? from, max ?? to];
}

// Below the plot; returns its height.
function drawLegend(body, panel, found, colour, width) {
  const { displayMode, placement, showLegend, calcs } = panel.options.legend;
  if (!showLegend || displayMode !== 'list' || placement !== 'bottom' || calcs.length > 0) {
    throw new Error(`${panel.title}: a legend this page does not draw`);
  }
  const list = element(body, 'div', 'legend');
  list.style.width = `${width}px`;
  found.forEach((series, i) => {
    const item = element(list, 'span', 'name');
    element(item, 'i').style.background = colour(i);
    item.append(series.name);
  });
  // As Grafana: a legend never takes more than 35 % of the panel.
  return Math.min(list.offsetHeight, panel.gridPos.h * CELL * 0.35);
}

function stat(body, panel, answers, window, inner, height) {
  // Up to the border of the panel.
  const width = inner + 18;
  const { defaults } = panel.fieldConfig;
  const { found } = columns(panel, answers, window);
  found.forEach((series, i) => {
    const last = series.values.findLast((value) => value !== null);
    const step = defaults.thresholds.steps.findLast((s) => s.value === null || last >= s.value);
    const colour = theme.visualization.getColorByName(step.color);
    const box = element(body, 'div', 'stat');
    box.style.height = `${height}px`;
    const past = panel.options.graphMode === 'area';
    box.classList.toggle('past', past);
    if (past) sparkline(box, series.values, colour, width / found.length, height);
    const text = panel.options.textMode === 'name' ? series.name : last === undefined ? 'No data' : written(defaults.unit, last);
    const number = element(box, 'div', 'number', text);
    number.style.color = colour;
    number.style.fontSize = `${Math.min(height * 0.45, (width / found.length) / (0.62 * text.length))}px`;
  });
}

function sparkline(box, values, colour, width, height) {
  const plot = element(box, 'div', 'sparkline');
  new uPlot({
    width, height: height * 0.5, legend: { show: false }, cursor: { show: false }, padding: [2, 0, 0, 0],
    scales: { x: { time: false }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? high : 1] } },
    axes: [{ show: false }, { show: false }],
    series: [{}, { stroke: colour, width: 1, fill: `${colour}33`, points: { show: false }, spanGaps: true }],
  }, [values.map((_, i) => i), values], plot);
}

// One row for each set of labels, one column for each target, as the
// transformations `merge` and `organize` make it.
function table(body, panel, answers) {
  const ids = panel.transformations.map((t) => t.id).join();
  if (ids !== 'merge,organize') throw new Error(`${panel.title}: transformations this page does not know: ${ids}`);
  const { excludeByName, renameByName } = panel.transformations[1].options;
  const rows = new Map();
  const labels = new Set();
  answers.forEach((series, i) => series.forEach(({ metric, values }) => {
    Object.keys(metric).filter((label) => !excludeByName[label]).forEach((label) => labels.add(label));
    const key = JSON.stringify(metric);
    rows.set(key, { ...rows.get(key) ?? metric, [`Value #${panel.targets[i].refId}`]: Number(values[0][1]) });
  }));
  const fields = [...labels, ...panel.targets.map((t) => `Value #${t.refId}`)];
  const unit = panel.fieldConfig.defaults.unit ?? 'none';
  const made = element(body, 'table');
  const head = element(made, 'tr');
  fields.forEach((f) => element(head, 'th', labels.has(f) ? '' : 'right', renameByName[f] ?? f));
  for (const row of rows.values()) {
    const line = element(made, 'tr');
    fields.forEach((f) => element(line, 'td', labels.has(f) ? '' : 'right',
      labels.has(f) ? row[f] : row[f] === undefined ? '' : written(unit, row[f])));
  }
}

const TYPES = { timeseries: timeSeries, stat, table };

function header(board, { begin, end }) {
  const line = element(document.body, 'header');
  element(line, 'b', '', board.title);
  for (const variable of board.templating.list.filter((v) => v.type === 'query')) {
    const box = element(line, 'span', 'variable');
    element(box, 'i', '', variable.label);
    element(box, 'span', '', 'All');
  }
  element(line, 'span', 'apart', `a preview, not Grafana · ${Math.round((end - begin) / 60)} minutes of docker/compose.yaml`);
}

globalThis.drawBoard = (board, series, window) => {
  document.body.style.setProperty('--canvas', theme.colors.background.canvas);
  document.body.style.setProperty('--panel', theme.colors.background.primary);
  document.body.style.setProperty('--border', theme.colors.border.weak);
  document.body.style.setProperty('--text', theme.colors.text.primary);
  document.body.style.setProperty('--faint', theme.colors.text.secondary);
  header(board, window);
  const grid = element(document.body, 'main');
  const unit = (PAGE - 2 * GAP - 23 * GAP) / 24;
  grid.style.height = `${Math.max(...board.panels.map((p) => p.gridPos.y + p.gridPos.h)) * (CELL + GAP) + GAP}px`;
  for (const panel of board.panels) {
    const draw = TYPES[panel.type];
    if (!draw) throw new Error(`${panel.title}: a panel of type ${panel.type}, which this page does not draw`);
    const { x, y, w, h } = panel.gridPos;
    const box = element(grid, 'section');
    const [width, height] = [w * (unit + GAP) - GAP, h * (CELL + GAP) - GAP];
    Object.assign(box.style, { left: `${GAP + x * (unit + GAP)}px`, top: `${y * (CELL + GAP)}px`, width: `${width}px`, height: `${height}px` });
    element(box, 'h2', '', panel.title);
    draw(element(box, 'div', `body ${panel.type}`), panel, series[panel.id], window, width - 18, height - 42);
  }
};
