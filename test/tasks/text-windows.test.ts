import { test } from 'tap';
import type { Box } from '../../src/core/result.js';
import { placeOf, shownBy, textWindows } from '../../src/tasks/text-windows.js';

const whole = { width: 320, height: 160 };
const box = (x_min: number, y_min: number, x_max: number, y_max: number): Box => ({ x_min, y_min, x_max, y_max });

test('a window holds its place with space around it, on the grid of the model', async (t) => {
  // 96 .. 128 by 64 .. 80 pixels, and 16 more on each side.
  t.strictSame(textWindows([box(0.3, 0.4, 0.4, 0.5)], whole, 32), [{ x: 64, y: 32, width: 96, height: 64 }]);
  t.strictSame(textWindows([], whole, 32), []);
});

test('what overlaps or touches is one window, also where only that brings it together', async (t) => {
  const [left, right, low] = [box(0, 0, 0.2, 0.1), box(0.3, 0, 0.5, 0.1), box(0.85, 0.9, 0.95, 1)];
  t.strictSame(textWindows([low, right, left], whole, 32), [
    { x: 0, y: 0, width: 192, height: 32 },
    { x: 256, y: 128, width: 64, height: 32 },
  ]);
  // A tall and a wide one cross: the one around both holds the third.
  const crossing = [box(0.05, 0, 0.1, 0.95), box(0, 0.9, 0.9, 0.95), box(0.7, 0.1, 0.75, 0.2)];
  t.equal(textWindows(crossing, whole, 32).length, 1);
});

test('places at and beyond the edges are looked at inside the image', async (t) => {
  for (const place of [box(-1, -1, -0.5, -0.5), box(1, 1, 1, 1), box(2, 2, 3, 3), box(0, 0, 1, 1)]) {
    for (const { x, y, width, height } of textWindows([place], whole, 32)) {
      t.ok(x >= 0 && y >= 0 && width >= 32 && height >= 32 && x + width <= 320 && y + height <= 160, JSON.stringify(place));
    }
  }
});

test('any places: each is inside one window, windows are apart, on the grid, and no more than the whole', async (t) => {
  let seed = 11;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
  for (let round = 0; round < 300; round++) {
    const multiple = [1, 16, 32, 48][round % 4] ?? 32;
    const size = { width: multiple * (1 + Math.floor(random() * 20)), height: multiple * (1 + Math.floor(random() * 20)) };
    const places = Array.from({ length: 1 + Math.floor(random() * 12) }, () => {
      const [x, y] = [random(), random()];
      return box(x, y, Math.min(1, x + random() * 0.3), Math.min(1, y + random() * 0.1));
    });
    const windows = textWindows(places, size, multiple);
    const holds = (place: Box) =>
      windows.some(
        ({ x, y, width, height }) =>
          place.x_min * size.width >= x &&
          place.x_max * size.width <= x + width &&
          place.y_min * size.height >= y &&
          place.y_max * size.height <= y + height,
      );
    const apart = windows.every((a, i) =>
      windows.every((b, j) => i >= j || a.x > b.x + b.width || b.x > a.x + a.width || a.y > b.y + b.height || b.y > a.y + a.height),
    );
    const even = windows.every(({ x, y, width, height }) => [x, y, width, height].every((side) => side % multiple === 0));
    const pixels = windows.reduce((sum, { width, height }) => sum + width * height, 0);
    const good = places.every(holds) && apart && even && pixels <= size.width * size.height;
    if (!good) t.fail(JSON.stringify({ size, multiple, places, windows }));
  }
  t.pass('300 rounds');
});

test('windows show neighbouring pixels of the image, all of them and none twice', async (t) => {
  const image = { width: 1003, height: 77 };
  const columns = Array.from({ length: 10 }, (_, i) => shownBy({ x: i * 32, y: 0, width: 32, height: 160 }, whole, image));
  t.equal(columns[0]?.left, 0);
  for (const [i, { left, width, height }] of columns.entries()) {
    t.equal(left + width, columns[i + 1]?.left ?? image.width);
    t.equal(height, 77);
  }
});

test('text is about the place it shares most with, if any', async (t) => {
  const places = [box(0, 0, 0.2, 0.2), box(0.2, 0, 0.6, 0.2)];
  t.equal(placeOf(box(0.15, 0, 0.5, 0.1), places), 1);
  t.equal(placeOf(box(0, 0.3, 0.1, 0.4), places), null);
  t.equal(placeOf(box(0.6, 0, 0.7, 0.2), places), null, 'neighbours share nothing');
});
