// Where a moment stands on the time axis. A text may take 200 ms, or wait for nine hours and then take 200 ms: a long
// stretch in which nothing begins or ends is drawn as a break of fixed width, and all else to one scale.

// A break is as wide as its words, at least so much of the whole.
const BREAK = 0.08;
const BREAK_PX = 76;
const MOST_BREAKS = 5;
const LEAST_BREAK_MS = 400;

// The scale of a trace: `at(ms)` answers a share of the width, `breaks` the stretches that are shortened.
export function makeScale(begin, end, moments, width, shorten) {
  const stretches = stretchesOf(begin, end, moments);
  const total = Math.max(1, end - begin);
  const broken = shorten ? breaksOf(stretches, total) : new Set();
  const rest = stretches.reduce((sum, one) => sum + (broken.has(one) ? 0 : one.to - one.from), 0);
  const each = Math.min(Math.max(BREAK, BREAK_PX / width), 0.6 / Math.max(1, broken.size));
  const room = 1 - broken.size * each;
  let x = 0;
  const pieces = stretches.map((one) => {
    const share = broken.has(one) ? each : (room * (one.to - one.from)) / Math.max(1, rest);
    const piece = { from: one.from, to: one.to, x, width: share, broken: broken.has(one) };
    x += share;
    return piece;
  });
  return {
    at: (ms) => place(pieces, ms),
    breaks: pieces.filter((piece) => piece.broken),
    sections: sectionsOf(pieces),
    shortened: broken.size > 0,
  };
}

function stretchesOf(begin, end, moments) {
  const inside = moments.filter((ms) => ms > begin && ms < end);
  const marks = [...new Set([begin, ...inside, end])].sort((a, b) => a - b);
  return marks.slice(1).map((to, index) => ({ from: marks[index], to }));
}

// The longest stretches, as long as each is the greater part of what is left and something else is to be seen.
function breaksOf(stretches, total) {
  const broken = new Set();
  let left = total;
  const longest = [...stretches].sort((a, b) => b.to - b.from - (a.to - a.from));
  for (const one of longest) {
    const length = one.to - one.from;
    const others = stretches.length - broken.size - 1;
    if (broken.size === MOST_BREAKS || length < LEAST_BREAK_MS || others < 2 || length < 0.4 * left) break;
    broken.add(one);
    left -= length;
  }
  return broken;
}

function place(pieces, ms) {
  if (pieces.length === 0 || ms <= pieces[0].from) return 0;
  const piece = pieces.find((one) => ms <= one.to);
  if (!piece) return 1;
  return piece.x + (piece.width * (ms - piece.from)) / Math.max(1, piece.to - piece.from);
}

// What lies between two breaks, which has one scale.
function sectionsOf(pieces) {
  const sections = [];
  for (const piece of pieces) {
    const last = sections.at(-1);
    if (piece.broken) {
      if (last) last.closed = true;
    } else if (last && !last.closed) {
      last.to = piece.to;
      last.width += piece.width;
    } else {
      sections.push({ from: piece.from, to: piece.to, x: piece.x, width: piece.width, closed: false });
    }
  }
  return sections;
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5,
  108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5,
];

// The marks of the axis: moments at round distances from the beginning, no nearer to each other than `least` (a share
// of the width).
export function ticksOf(scale, begin, least) {
  const ticks = [];
  for (const section of scale.sections) {
    const length = section.to - section.from;
    const step = STEPS.find((one) => (one / Math.max(1, length)) * section.width >= least) ?? length;
    let ms = begin + Math.ceil((section.from - begin) / step) * step;
    for (; ms <= section.to; ms += step) {
      const x = scale.at(ms);
      // Its words stand to its right, and are not to run into those of a break.
      const free = x + least * 0.8 <= section.x + section.width || section === scale.sections.at(-1);
      const last = ticks.at(-1);
      if (free && (!last || x - last.x >= least * 0.9)) ticks.push({ ms, x });
    }
  }
  return ticks.sort((a, b) => a.x - b.x);
}

// A duration in a person's units, as the command has it: `38 ms`, `4.2 s`, `3 min 20 s`, `9 h`.
export function span(ms) {
  const left = Math.max(0, Math.round(ms));
  if (left < 1000) return `${left} ms`;
  if (left < 60_000) return `${String(Math.round(left / 10) / 100)} s`;
  for (const [unit, name, part, other] of [
    [86_400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ]) {
    const whole = Math.floor(left / 1000 / unit);
    const rest = Math.floor((Math.floor(left / 1000) % unit) / part);
    if (whole) return `${whole} ${name}${rest ? ` ${rest} ${other}` : ""}`;
  }
  return `${left} ms`;
}

// The same in one unit, for where there is little room: `38 ms`, `4.2 s`, `3 min`, `9 h`.
export function brief(ms) {
  const minutes = ms / 60_000;
  if (minutes >= 2880) return `${Math.round(minutes / 1440)} d`;
  if (minutes >= 90) return `${Math.round(minutes / 6) / 10} h`;
  if (minutes >= 1.5) return `${Math.round(minutes)} min`;
  return ms >= 9950 ? `${Math.round(ms / 1000)} s` : ms >= 1000 ? `${Math.round(ms / 100) / 10} s` : `${Math.round(ms)} ms`;
}

// A moment in UTC: its time of day, with the date where that is asked for.
export function clock(ms, withDate = false) {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return "beyond the calendar";
  const text = date.toISOString();
  return withDate ? `${text.slice(0, 10)} ${text.slice(11, 23)} UTC` : text.slice(11, 23);
}
