import { test } from 'tap';
import type { Pixels } from '../../src/core/task.js';
import { outerContours } from '../../src/tasks/contours.js';
import { decodeCtc } from '../../src/tasks/ctc.js';
import { convexHull, minAreaRect } from '../../src/tasks/min-area-rect.js';
import { cropQuad, squareToQuad } from '../../src/tasks/perspective.js';
import { readingOrder } from '../../src/tasks/reading-order.js';
import { clockwise, meanInside, textBoxes, unclip } from '../../src/tasks/text-boxes.js';

const every = { minExtent: 0, max: 1000 };
const upstream = { pixel_score: 0.3, min_score: 0.6, unclip_ratio: 1.5, max_candidates: 1000 };

/** `#` is inside. */
function bitmap(...rows: string[]): { mask: Uint8Array; width: number; height: number } {
  const width = rows[0]?.length ?? 0;
  return { mask: Uint8Array.from(rows.join(''), (pixel) => (pixel === '#' ? 1 : 0)), width, height: rows.length };
}

function contoursOf(...rows: string[]): number[][] {
  const { mask, width, height } = bitmap(...rows);
  return outerContours(mask, width, height, every).map((contour) => [...contour]);
}

test('a rectangle has its four corners as its contour, once', async (t) => {
  t.strictSame(contoursOf('......', '.####.', '.####.', '.####.', '......'), [[1, 1, 1, 3, 4, 3, 4, 1]]);
});

test('a single pixel and a shape on the border of the map are contours too', async (t) => {
  t.strictSame(contoursOf('#..', '...', '..#'), [
    [0, 0],
    [2, 2],
  ]);
  t.strictSame(contoursOf('##', '##'), [[0, 0, 0, 1, 1, 1, 1, 0]]);
});

test('diagonal neighbours are one region, and a thin line is followed there and back', async (t) => {
  const [contour, ...more] = contoursOf('#...', '.#..', '..#.', '...#');
  t.equal(more.length, 0);
  t.strictSame(contour, [0, 0, 3, 3]);
});

test('the border of a hole is not told, a region inside the hole is', async (t) => {
  const contours = contoursOf('#######', '#.....#', '#.###.#', '#.###.#', '#.....#', '#######');
  t.strictSame(contours, [
    [0, 0, 0, 5, 6, 5, 6, 0],
    [2, 2, 2, 3, 4, 3, 4, 2],
  ]);
});

test('every region of a random map is found exactly once', async (t) => {
  const width = 64;
  const height = 48;
  let seed = 7;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (const density of [0.1, 0.3, 0.5, 0.7]) {
    const mask = Uint8Array.from({ length: width * height }, () => (random() < density ? 1 : 0));
    const label = regions(mask, width, height);
    const starts = outerContours(mask, width, height, { minExtent: 0, max: 1e6 }).map(([x = 0, y = 0]) => label[y * width + x] ?? 0);
    t.equal(new Set(starts).size, starts.length, `density ${density}: none twice`);
    t.equal(starts.length, Math.max(...label), `density ${density}: all`);
  }
});

/** 1-based 8-connected labels by flood fill: a second way to count regions. */
function regions(mask: Uint8Array, width: number, height: number): number[] {
  const label = Array.from(mask, () => 0);
  let next = 0;
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || label[seed] !== 0) continue;
    const open = [seed];
    label[seed] = ++next;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const x = (at % width) + dx;
          const y = Math.floor(at / width) + dy;
          const to = y * width + x;
          if (x < 0 || y < 0 || x >= width || y >= height || mask[to] === 0 || label[to] !== 0) continue;
          label[to] = next;
          open.push(to);
        }
      }
    }
  }
  return label;
}

test('the hull drops inner and collinear points', async (t) => {
  t.strictSame([...convexHull([0, 0, 2, 0, 1, 0, 2, 2, 0, 2, 1, 1])], [0, 0, 2, 0, 2, 2, 0, 2]);
  t.strictSame([...convexHull([3, 4, 3, 4])], [3, 4]);
});

test('the smallest rectangle of a rotated rectangle is itself', async (t) => {
  const turn = (x: number, y: number, angle: number): number[] => [
    50 + x * Math.cos(angle) - y * Math.sin(angle),
    40 + x * Math.sin(angle) + y * Math.cos(angle),
  ];
  for (const angle of [0, 0.1, 0.5, Math.PI / 4, 1.2]) {
    const points = [...turn(-20, -5, angle), ...turn(20, -5, angle), ...turn(20, 5, angle), ...turn(-20, 5, angle), ...turn(3, 2, angle)];
    const rect = minAreaRect(points);
    t.ok(Math.abs(Math.max(rect.length, rect.breadth) - 40) < 1e-9, `length at ${angle}`);
    t.ok(Math.abs(Math.min(rect.length, rect.breadth) - 10) < 1e-9, `breadth at ${angle}`);
    for (let corner = 0; corner < 8; corner += 2) {
      const nearest = [0, 2, 4, 6].map((i) =>
        Math.hypot((points[i] ?? 0) - (rect.corners[corner] ?? 0), (points[i + 1] ?? 0) - (rect.corners[corner + 1] ?? 0)),
      );
      t.ok(Math.min(...nearest) < 1e-9, `corner ${corner / 2} at ${angle}`);
    }
  }
  t.equal(minAreaRect([4, 4]).length, 0);
  t.ok(minAreaRect([0, 0, 3, 4]).breadth < 1e-9);
  t.equal(minAreaRect([0, 0, 3, 4]).length, 5);
});

test('a box grows by area x ratio / perimeter on each side, as the round offset with a smallest rectangle would', async (t) => {
  const rect = minAreaRect([0, 0, 30, 0, 30, 10, 0, 10]);
  const distance = (300 * 1.5) / 80;
  const grown = unclip(rect, 1.5);
  t.strictSame(
    [...clockwise(grown.corners)],
    [-distance, -distance, 30 + distance, -distance, 30 + distance, 10 + distance, -distance, 10 + distance],
  );
  const round: number[] = [];
  for (const [cx, cy, from] of [
    [30, 10, 0],
    [0, 10, 90],
    [0, 0, 180],
    [30, 0, 270],
  ] as const) {
    for (let degrees = from; degrees <= from + 90; degrees += 2) {
      round.push(cx + distance * Math.cos((degrees * Math.PI) / 180), cy + distance * Math.sin((degrees * Math.PI) / 180));
    }
  }
  const around = minAreaRect(round);
  t.ok(Math.abs(around.length * around.breadth - grown.length * grown.breadth) < 1e-6);
});

test('corners come clockwise from the top left of the text', async (t) => {
  t.strictSame([...clockwise(Float64Array.of(9, 5, 1, 5, 1, 2, 9, 2))], [1, 2, 9, 2, 9, 5, 1, 5]);
  t.strictSame([...clockwise(Float64Array.of(0, 4, 10, 0, 11, 3, 1, 7))], [0, 4, 10, 0, 11, 3, 1, 7]);
});

test('the mean inside a polygon counts its border and nothing outside', async (t) => {
  const map = new Float32Array(10 * 10);
  for (let y = 2; y <= 5; y++) for (let x = 3; x <= 7; x++) map[y * 10 + x] = 0.8;
  t.ok(Math.abs(meanInside(map, 10, 10, Float64Array.of(3, 2, 7, 2, 7, 5, 3, 5)) - 0.8) < 1e-6);
  t.ok(Math.abs(meanInside(map, 10, 10, Float64Array.of(2, 2, 7, 2, 7, 5, 2, 5)) - (0.8 * 5) / 6) < 1e-6);
  t.equal(meanInside(map, 10, 10, Float64Array.of(-9, -9, -5, -9, -5, -6, -9, -6)), 0);
});

test('a painted line becomes one box of the painted score, grown from the edges of its pixels', async (t) => {
  const map = new Float32Array(100 * 60);
  for (let y = 20; y < 31; y++) for (let x = 10; x < 71; x++) map[y * 100 + x] = 0.9;
  const [box, ...more] = textBoxes(map, 100, 60, upstream);
  t.equal(more.length, 0);
  t.ok(Math.abs((box?.score ?? 0) - 0.9) < 1e-6);
  const distance = (61 * 11 * 1.5) / 144;
  t.strictSame(
    [...(box?.corners ?? [])].map((value) => value.toFixed(6)),
    [10 - distance, 20 - distance, 71 + distance, 20 - distance, 71 + distance, 31 + distance, 10 - distance, 31 + distance].map((value) =>
      value.toFixed(6),
    ),
  );
});

test('regions that are faint, tiny or too many are left out', async (t) => {
  const map = new Float32Array(200 * 200);
  for (let y = 5; y < 20; y++) for (let x = 5; x < 60; x++) map[y * 200 + x] = 0.5;
  t.equal(textBoxes(map, 200, 200, upstream).length, 0, 'between pixel_score and min_score');
  map.fill(0);
  for (let y = 0; y < 200; y += 4) for (let x = 0; x < 200; x += 4) map[y * 200 + x] = 1;
  t.equal(textBoxes(map, 200, 200, upstream).length, 0, 'single pixels');
  for (let y = 0; y < 200; y++) for (let x = 0; x < 200; x++) map[y * 200 + x] = x % 8 < 6 && y % 8 < 6 ? 1 : 0;
  t.equal(textBoxes(map, 200, 200, upstream).length, 625);
  t.equal(textBoxes(map, 200, 200, { ...upstream, max_candidates: 40 }).length, 40);
});

test('hostile maps cost bounded time and give bounded boxes', async (t) => {
  const side = 960;
  const map = new Float32Array(side * side);
  const hostile: Record<string, (x: number, y: number) => number> = {
    ones: () => 1,
    noise: (x, y) => ((x * 7919 + y * 104729 + ((x * y) % 977)) % 1000) / 1000,
    'nested rings': (x, y) => (Math.max(Math.abs(x - side / 2), Math.abs(y - side / 2)) % 4 < 2 ? 1 : 0),
    combs: (x, y) => (x % 3 === 0 || y % 64 === 0 ? 1 : 0),
    'not a number': () => Number.NaN,
    infinite: () => Number.POSITIVE_INFINITY,
  };
  for (const [name, value] of Object.entries(hostile)) {
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) map[y * side + x] = value(x, y);
    const start = process.cpuUsage();
    const boxes = textBoxes(map, side, side, upstream);
    const { user, system } = process.cpuUsage(start);
    t.ok(boxes.length <= upstream.max_candidates, `${name}: ${boxes.length} boxes`);
    t.ok(
      boxes.every((box) => box.corners.every(Number.isFinite) && box.score <= 1),
      `${name}: finite`,
    );
    t.ok((user + system) / 1000 < 5000, `${name}: ${Math.round((user + system) / 1000)} CPU ms`);
  }
});

test('the unit square maps onto a quad, corner by corner', async (t) => {
  const quad = [10, 20, 90, 30, 80, 70, 15, 60];
  const [a, b, c, d, e, f, g, h] = squareToQuad(quad);
  for (const [index, [u, v]] of (
    [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ] as const
  ).entries()) {
    const w = g * u + h * v + 1;
    t.ok(Math.abs((a * u + b * v + c) / w - (quad[index * 2] ?? 0)) < 1e-9);
    t.ok(Math.abs((d * u + e * v + f) / w - (quad[index * 2 + 1] ?? 0)) < 1e-9);
  }
});

/** 4 x 3, each pixel another red; green and blue constant. */
const image: Pixels = {
  width: 4,
  height: 3,
  channels: 3,
  data: Uint8Array.from(Array.from({ length: 12 }, (_, index) => [index * 20, 100, 200]).flat()),
};

function reds(quad: number[], width: number, height: number): number[] {
  const planeSize = width * height;
  const data = new Float32Array(3 * planeSize);
  cropQuad(image, quad, { width, height }, { mean: 0, std: 1 }, { data, offset: 0, planeSize, rowSize: width });
  return Array.from(data.subarray(2 * planeSize), (value) => Math.round(value * 255));
}

test('cropping the whole image at its size is the identity, in the order blue, green, red', async (t) => {
  const data = new Float32Array(36);
  cropQuad(
    image,
    [0, 0, 4, 0, 4, 3, 0, 3],
    { width: 4, height: 3 },
    { mean: 0.5, std: 0.5 },
    { data, offset: 0, planeSize: 12, rowSize: 4 },
  );
  const bytes = Array.from(data, (value) => Math.round((value * 0.5 + 0.5) * 255));
  t.strictSame(bytes.slice(0, 12), Array(12).fill(200));
  t.strictSame(bytes.slice(12, 24), Array(12).fill(100));
  t.strictSame(bytes.slice(24), [0, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 220]);
});

test('a quad that begins at another corner turns the crop', async (t) => {
  t.strictSame(reds([4, 3, 0, 3, 0, 0, 4, 0], 4, 3), [220, 200, 180, 160, 140, 120, 100, 80, 60, 40, 20, 0]);
  t.strictSame(reds([4, 0, 4, 3, 0, 3, 0, 0], 3, 4), [60, 140, 220, 40, 120, 200, 20, 100, 180, 0, 80, 160]);
});

test('shrinking averages, and beyond the image its border repeats', async (t) => {
  t.strictSame(reds([0, 0, 4, 0, 4, 2, 0, 2], 2, 1), [50, 90]);
  t.strictSame(reds([-4, 0, 0, 0, 0, 3, -4, 3], 4, 3), [0, 0, 0, 0, 80, 80, 80, 80, 160, 160, 160, 160]);
  t.ok(reds([2, 2, 2, 2, 2, 2, 2, 2], 4, 2).every(Number.isFinite), 'a point');
});

test('boxes are read row by row, left to right, whatever order they came in', async (t) => {
  const box = (name: string, x: number, y: number, height = 0.1) => ({
    name,
    box: { x_min: x, x_max: x + 0.2, y_min: y, y_max: y + height },
  });
  const boxes = [box('d', 0.5, 0.32), box('b', 0.5, 0.11), box('a', 0.1, 0.13), box('e', 0.1, 0.5), box('c', 0.1, 0.3)];
  t.equal(
    readingOrder(boxes)
      .map(({ name }) => name)
      .join(''),
    'abcde',
  );
});

/** Three classes: blank, a, b; and a separator. One row a step. */
function ctc(rows: number[][], separatorScore = 2): { classes: number[]; score: number } {
  const decoded = decodeCtc(
    Float32Array.from(rows.flat()),
    { offset: 0, steps: rows.length, classes: 4, blank: 0 },
    { class: 3, score: separatorScore },
  );
  return { classes: decoded.classes, score: Math.round(decoded.score * 1000) / 1000 };
}

const blank = [0.9, 0.1, 0, 0];
const a = [0.2, 0.8, 0, 0];
const b = [0.4, 0, 0.6, 0];

test('repeats are merged, blanks part them, the score is the mean of what was kept', async (t) => {
  t.strictSame(ctc([a, a, b, b]), { classes: [1, 2], score: 0.7 });
  t.strictSame(ctc([a, blank, a]), { classes: [1, 1], score: 0.8 });
  t.strictSame(ctc([blank, blank]), { classes: [], score: 0 });
  t.strictSame(ctc([]), { classes: [], score: 0 });
});

test('a faint separator between characters is written once its probability over the gap is enough, never at the ends', async (t) => {
  const faint = [0.8, 0, 0, 0.2];
  t.strictSame(ctc([a, faint, faint, b], 0.36).classes, [1, 3, 2], '1 - 0.8 x 0.8 = 0.36');
  t.strictSame(ctc([a, faint, faint, b], 0.37).classes, [1, 2]);
  t.strictSame(ctc([faint, faint, a, faint, faint], 0.1).classes, [1]);
  const plain = [0.1, 0, 0, 0.9];
  t.strictSame(ctc([a, faint, plain, faint, b], 0.1).classes, [1, 3, 2], 'not beside one that was read');
});

test('the most probable class is found wherever it stands, however narrowly it wins', async (t) => {
  t.strictSame(ctc([[0.25, 0.24, 0.26, 0.25]]).classes, [2]);
  t.strictSame(ctc([[0.45, 0.05, 0.49, 0.01]]).classes, [2], 'a first class just short of a half');
  t.strictSame(ctc([[0.49, 0.51, 0, 0]]).classes, [1]);
  t.strictSame(ctc([[0, 0, 0.01, 0.99]]).classes, [3]);
  t.strictSame(ctc([[0.5, 0.5, 0, 0]]).classes, [], 'the first of equals');
  t.strictSame(ctc([[0.55, 0, 0.57, 0]]).classes, [2], 'quantized steps may sum to more than 1');
});
