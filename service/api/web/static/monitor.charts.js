// Draws the charts of a model over one time axis with uPlot: same cursor, same range, same lines for events.

const MONO = "12px system-ui, sans-serif";
const TALL = 156;
const SMALL = 104;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const EVENT_COLOURS = { alarm: "--st-bad", "alarm-ended": "--st-good", canary: "--st-series-6", shadow: "--st-series-6" };
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 2]];

const utc = (seconds) => uPlot.tzDate(new Date(1e3 * seconds), "Etc/UTC");

/** The value of a colour token in the current theme. */
function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function withAlpha(colour, alpha) {
  return `${colour}${Math.round(255 * alpha).toString(16).padStart(2, "0")}`;
}

function percent(value) {
  return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}

function number(value) {
  return value === null || value === undefined ? "–" : `${Number(value.toPrecision(3))}`;
}

function clock(seconds) {
  return new Date(1e3 * seconds).toISOString().slice(0, 16).replace("T", " ");
}

/** Marks of the time axis: hours and minutes, and the date where a day begins. */
function timeMarks(_, ticks) {
  return ticks.map((tick) => {
    const date = utc(tick);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
    if (isMidnight) return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
    return `${String(date.getHours()).padStart(2, "0")}:${String(date.getMinutes()).padStart(2, "0")}`;
  });
}

/** Events whose marks would cover each other, together. */
function groupEvents(u, events, room) {
  const groups = [];
  for (const event of events) {
    const x = Math.round(u.valToPos(event.time, "x", true));
    const last = groups.at(-1);
    if (last && x - last.x < room) last.events.push(event);
    else groups.push({ x, events: [event] });
  }
  return groups;
}

/** Lines of events, with their numbers; in the first chart also in words where there is room. */
function eventLines(events, withWords) {
  return (u) => {
    const { ctx, bbox } = u;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    const groups = groupEvents(u, events, 26 * scale);
    groups.forEach(({ x, events: together }, place) => {
      if (x < bbox.left || x > bbox.left + bbox.width) return;
      const [event, last] = [together[0], together.at(-1)];
      const colour = token(EVENT_COLOURS[event.kind] ?? "--st-info");
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5 * scale;
      ctx.setLineDash([4 * scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const room = (groups[place + 1]?.x ?? bbox.left + bbox.width) - x;
      const numbers = event === last ? `${event.number}` : `${event.number}-${last.number}`;
      const words = event.kind === last.kind ? `${numbers} ${event.sign}${event === last ? "" : "s"}` : numbers;
      const text = withWords && ctx.measureText(words).width + 14 * scale < room ? words : numbers;
      const width = ctx.measureText(text).width + 8 * scale;
      const height = 15 * scale;
      const left = Math.min(x, bbox.left + bbox.width - width);
      ctx.setLineDash([]);
      ctx.fillStyle = token("--st-surface");
      ctx.fillRect(left, bbox.top, width, height);
      ctx.strokeRect(left, bbox.top, width, height);
      ctx.fillStyle = colour;
      ctx.fillText(text, left + 4 * scale, bbox.top + height / 2 + scale);
    });
    ctx.restore();
  };
}

/** Names at the right ends of lines or areas, moved apart so that none covers another. */
function endLabels(labels) {
  return (u) => {
    const { ctx, bbox } = u;
    const scale = devicePixelRatio;
    const step = 14 * scale;
    const placed = labels
      .map((each) => ({ ...each, y: u.valToPos(each.at, "y", true) }))
      .filter((each) => Number.isFinite(each.y))
      .sort((a, b) => a.y - b.y);
    for (let i = 1; i < placed.length; i++) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + step);
    const overflow = placed.length ? placed.at(-1).y - (bbox.top + bbox.height) : 0;
    if (overflow > 0) for (const each of placed) each.y -= overflow;
    const room = ctx.canvas.width - bbox.left - bbox.width - 14 * scale;
    ctx.save();
    ctx.font = `600 ${11 * scale}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    for (const each of placed) {
      ctx.fillStyle = each.colour;
      ctx.fillRect(bbox.left + bbox.width + 4 * scale, each.y - 4 * scale, 5 * scale, 8 * scale);
      let text = each.text;
      while (text.length > 2 && ctx.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
      ctx.fillStyle = token("--bs-body-color");
      ctx.fillText(text, bbox.left + bbox.width + 12 * scale, each.y);
    }
    ctx.restore();
  };
}

/** The range of a reference, and times in which a summary had drifted. */
function background(reference, spans) {
  return (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    if (reference) {
      const top = u.valToPos(reference.high, "y", true);
      const bottom = u.valToPos(reference.low, "y", true);
      ctx.fillStyle = withAlpha(token("--st-series-8"), 0.18);
      ctx.fillRect(bbox.left, top, bbox.width, Math.max(1, bottom - top));
      const mean = u.valToPos(reference.mean, "y", true);
      ctx.strokeStyle = token("--st-quiet");
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, mean);
      ctx.lineTo(bbox.left + bbox.width, mean);
      ctx.stroke();
      ctx.setLineDash([]);
    }
    for (const span of spans) {
      const left = Math.max(bbox.left, u.valToPos(span.since, "x", true));
      const right = Math.min(bbox.left + bbox.width, u.valToPos(span.until, "x", true));
      if (right <= left) continue;
      ctx.fillStyle = withAlpha(token("--st-bad"), 0.1);
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
}

/** Cumulated shares, the first label at the bottom; `null` where there are no answers. */
function stack(labels, count) {
  const sums = new Array(count).fill(0);
  return labels.map(({ shares }) => shares.map((share, i) => (share === null ? null : (sums[i] += share))));
}

function lastValue(column) {
  for (let i = column.length - 1; i >= 0; i--) if (column[i] !== null && column[i] !== undefined) return column[i];
  return null;
}

/** Lines over the periods of reviews: one step a period, nothing between periods. */
function periodColumns(periods, times) {
  const columns = [[], [], [], []];
  for (const each of periods) {
    const known = each.value !== null;
    // Points between the ends too: no line is drawn to a point outside the time that is shown.
    const inside = times.filter((time) => time > each.since && time < each.until).map((time) => [time, true]);
    for (const [time, shown] of [[each.since, true], ...inside, [each.until, true], [each.until + 0.5, false]]) {
      columns[0].push(time);
      columns[1].push(shown && known ? each.value : null);
      columns[2].push(shown ? each.low : null);
      columns[3].push(shown ? each.high : null);
    }
  }
  const order = columns[0].map((_, i) => i).sort((a, b) => columns[0][a] - columns[0][b]);
  return columns.map((column) => order.map((i) => column[i]));
}

/** What each chart shows: columns, series, bands, the scale, and the words for the cursor. */
function contents(data) {
  const ink = (n) => token(`--st-series-${n}`);
  const line = (n, more = {}) => ({ stroke: ink(n), width: 2, points: { show: true, size: 4, fill: ink(n) }, ...more });
  const shares = [0, 1];
  const found = {
    volume: {
      columns: [data.times, data.answers],
      series: [{ stroke: ink(1), fill: withAlpha(ink(1), 0.55), width: 1, paths: uPlot.paths.bars({ size: [0.9, 40], align: 1 }), points: { show: false } }],
      words: (i) => `${data.answers[i]} answers`,
    },
    latency: {
      columns: [data.times, data.p50, data.p99],
      series: [line(1), line(2, { dash: DASHES[1] })],
      ends: [{ text: "p50", at: lastValue(data.p50), colour: ink(1) }, { text: "p99", at: lastValue(data.p99), colour: ink(2) }],
      words: (i) => `p50 ${number(data.p50[i])} ms, p99 ${number(data.p99[i])} ms`,
    },
    confidence: { columns: [data.times, data.confidence], series: [line(3)], range: shares, words: (i) => number(data.confidence[i]) },
    truncated: {
      columns: [data.times, data.truncated], series: [line(5)], percent: true,
      range: [0, Math.max(0.05, ...data.truncated.filter((each) => each !== null))], words: (i) => percent(data.truncated[i]),
    },
  };
  if (data.periods.length) {
    const columns = periodColumns(data.periods, data.times);
    const lows = data.periods.map((each) => each.low);
    const newest = data.periods.at(-1);
    found.accuracy = {
      columns,
      series: [line(3, { width: 3, points: { show: false } }), ...[2, 3].map(() => ({ stroke: withAlpha(ink(3), 0.6), width: 1, points: { show: false } }))],
      bands: [{ series: [3, 2], fill: withAlpha(ink(3), 0.2) }],
      range: [Math.max(0, Math.floor(10 * Math.min(...lows) - 0.5) / 10), 1],
      percent: true,
      ends: newest.value === null ? [] : [{ text: `${percent(newest.value)}`, at: newest.value, colour: ink(3) }],
      words: (i) => (columns[2][i] === null ? "" : `${percent(columns[1][i])} (${percent(columns[2][i])} to ${percent(columns[3][i])})`),
    };
  }
  if (data.labels.length) {
    const sums = stack(data.labels, data.times.length);
    const colour = (i) => (data.labels[i].name === "other labels" ? ink(8) : ink(i + 1));
    const top = data.labels.map((_, i) => i).reverse();
    const last = data.times.map((_, i) => i).filter((i) => sums[0][i] !== null).at(-1);
    found.labels = {
      // The topmost area first: the next ones are drawn over it.
      columns: [data.times, ...top.map((i) => sums[i])],
      series: top.map((i) => ({
        stroke: token("--st-surface"), width: 1, fill: colour(i), points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }),
      })),
      range: shares,
      percent: true,
      // All labels at the right end, in the order of the areas: the name says what a colour is.
      ends: last === undefined ? [] : top.map((i) => (
        { text: data.labels[i].name, at: sums[i][last] - data.labels[i].shares[last] / 2, colour: colour(i) })),
      words: (i) => data.labels.filter(({ shares: each }) => each[i] > 0).slice(0, 3).map(({ name, shares: each }) => `${name} ${percent(each[i])}`).join(", "),
    };
  }
  Object.entries(data.drift).forEach(([name, values]) => {
    const reference = data.references[name];
    if (!values.some((each) => each !== null)) return;
    const known = values.filter((each) => each !== null);
    const bounds = reference ? [...known, reference.low, reference.high] : known;
    const low = Math.min(...bounds);
    const high = Math.max(...bounds);
    const margin = 0.08 * (high - low || Math.abs(high) || 1);
    found[`drift-${name}`] = {
      columns: [data.times, values],
      series: [line(6)],
      range: [low - margin, high + margin],
      under: background(reference, data.drifted.filter((each) => each.summary === name)),
      words: (i) => number(values[i]),
    };
  });
  return found;
}

function drawOne(box, readout, content, data, { withWords, zoom, small }) {
  const narrow = box.clientWidth < 520;
  const grid = { stroke: token("--st-line"), width: 1 };
  const axis = { stroke: token("--st-quiet"), font: MONO, grid, ticks: { show: false } };
  const range = content.range;
  const options = {
    width: box.clientWidth,
    height: small ? SMALL : TALL,
    tzDate: utc,
    legend: { show: false },
    padding: [8, narrow ? 64 : 128, 0, 0],
    scales: {
      x: { time: true, min: data.since, max: data.until, range: () => [data.since, data.until] },
      y: range ? { range: () => range } : { range: (_, low, high) => [0, Math.max(1, 1.15 * (high ?? 1))] },
    },
    axes: [
      { ...axis, space: narrow ? 60 : 80, size: 24, values: timeMarks },
      {
        ...axis, size: 52, space: small ? 20 : 30,
        values: (_, ticks) => ticks.map((tick) => (content.percent ? `${Math.round(1000 * tick) / 10} %` : number(tick))),
      },
    ],
    series: [{}, ...content.series.map((each) => ({ spanGaps: false, ...each }))],
    bands: content.bands,
    cursor: {
      sync: { key: "monitor", scales: ["x", null] },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      y: false,
    },
    hooks: {
      drawClear: content.under ? [content.under] : [],
      draw: [endLabels(content.ends ?? []), eventLines(data.events, withWords)],
      setSelect: [
        (u) => {
          if (u.select.width < 4) return;
          zoom(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        },
      ],
      setCursor: [
        (u) => {
          const place = u.cursor.idx;
          const words = place === null || place === undefined ? "" : content.words(place);
          readout.textContent = words ? `${clock(content.columns[0][place])}: ${words}` : "";
        },
      ],
    },
  };
  return new uPlot(options, content.columns, box);
}

/** Draw all charts of a view. `zoom(from, to)` is called with a time that was marked, in seconds. */
export function drawCharts(view, data, zoom) {
  const found = contents(data);
  const boxes = [...view.querySelectorAll(".chart")].filter((box) => found[box.dataset.panel]);
  return boxes.map((box, place) =>
    drawOne(box, document.getElementById(`readout-${box.dataset.panel}`), found[box.dataset.panel], data, {
      withWords: place === 0, zoom, small: box.classList.contains("chart-small"),
    }));
}
