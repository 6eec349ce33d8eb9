import fc from 'fast-check';
import { test } from 'tap';
import type { Observation, Point, Quad } from '../../src/core/result.js';
import { characterErrors, characterErrorsWithSpaces } from '../../src/tasks/character-errors.js';
import { cosineDistance } from '../../src/tasks/cosine-distance.js';
import { differentAngles } from '../../src/tasks/different-angles.js';
import { differentFrames } from '../../src/tasks/different-frames.js';
import { differentLabels } from '../../src/tasks/different-labels.js';
import { differentSegments } from '../../src/tasks/different-segments.js';
import { overlap } from '../../src/tasks/polygon-overlap.js';
import { unmatchedBoxes, unmatchedLabelledBoxes } from '../../src/tasks/unmatched-boxes.js';

const line = (text: string, of?: number): Observation => ({ score: 1, text, ...(of === undefined ? {} : { of }) });
const box = (x: number, y: number, width: number, height: number): Observation => ({
  score: 1,
  box: { x_min: x, y_min: y, x_max: x + width, y_max: y + height },
});
const speech = (start: number, end: number): Observation => ({ score: 1, segment: { start_s: start, end_s: end } });

test('characters are counted as the fewest edits, with and without spaces', async (t) => {
  t.same(characterErrors.score([line('Platform 12')], [line('Platfrm 1Z')]), { errors: 2, total: 10 });
  t.same(characterErrors.score([line('kitten')], [line('sitting')]), { errors: 3, total: 6 });
  t.same(characterErrors.score([line('no smoking')], [line('nosmoking')]), { errors: 0, total: 9 });
  t.same(characterErrorsWithSpaces.score([line(' no   smoking')], [line('nosmoking ')]), { errors: 1, total: 10 });
  t.same(characterErrors.score([line('日本語𝒙')], [line('日本吾𝒚')]), { errors: 2, total: 4 }, 'a character beyond 16 bits is one');
});

test('a line left out costs its own characters, a line too many those it has', async (t) => {
  const truth = [line('one', 0), line('three', 1), line('five', 2)];
  t.same(characterErrors.score(truth, [line('one', 0), line('five', 2)]), { errors: 5, total: 12 });
  t.same(characterErrors.score([], [line('ghost')]), { errors: 5, total: 0 });
  t.same(characterErrors.score([line('two words')], [line('two'), line('words')]), { errors: 0, total: 8 }, 'parts of one line are joined');
});

test('boxes are matched once each from half their union; misses and extras count', async (t) => {
  const three = [box(0, 0, 0.2, 0.1), box(0.3, 0, 0.2, 0.1), box(0.6, 0, 0.2, 0.1)];
  t.same(unmatchedBoxes.score(three, three), { errors: 0, total: 3 });
  t.same(unmatchedBoxes.score(three, three.slice(1)), { errors: 1, total: 3 }, 'a miss');
  t.same(unmatchedBoxes.score(three.slice(1), three), { errors: 1, total: 2 }, 'an extra');
  t.same(
    unmatchedBoxes.score([box(0, 0, 0.2, 0.1)], [box(0, 0, 0.2, 0.1), box(0.01, 0, 0.2, 0.1)]),
    { errors: 1, total: 1 },
    'twice the same',
  );
  t.same(unmatchedBoxes.score([box(0, 0, 0.3, 0.1)], [box(0.09, 0, 0.3, 0.1)]).errors, 0, 'IoU 0.54');
  t.same(unmatchedBoxes.score([box(0, 0, 0.3, 0.1)], [box(0.11, 0, 0.3, 0.1)]).errors, 2, 'IoU 0.46');
  t.same(unmatchedBoxes.score([{ score: 1 }], [{ score: 1 }]), { errors: 2, total: 1 }, 'what has no place never matches');
});

test('the better overlap wins where one box could be matched to two', async (t) => {
  const reference = [box(0, 0, 0.3, 0.1), box(0.1, 0, 0.3, 0.1)];
  const found = [box(0.1, 0, 0.3, 0.1), box(0, 0, 0.3, 0.1)];
  t.same(unmatchedBoxes.score(reference, found), { errors: 0, total: 2 });
});

test('quads are compared as polygons: two slanted lines whose boxes are alike are not the same', async (t) => {
  const box = { x_min: 0.1, y_min: 0.1, x_max: 0.9, y_max: 0.9 };
  const rising: Quad = [[0.1, 0.85], [0.85, 0.1], [0.9, 0.15], [0.15, 0.9]]; // biome-ignore format: four points
  const falling: Quad = [[0.15, 0.1], [0.9, 0.85], [0.85, 0.9], [0.1, 0.15]]; // biome-ignore format: four points
  t.equal(unmatchedBoxes.score([{ score: 1, quad: rising, box }], [{ score: 1, quad: falling, box }]).errors, 2);
  t.equal(unmatchedBoxes.score([{ score: 1, quad: rising, box }], [{ score: 1, box }]).errors, 0, 'boxes, where one has no quad');
});

test('the overlap of polygons is that of the areas, in either direction and whichever way the points run', async (t) => {
  const square: Point[] = [[0, 0], [1, 0], [1, 1], [0, 1]]; // biome-ignore format: four points
  const diamond: Point[] = [[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]]; // biome-ignore format: four points
  t.equal(overlap(square, diamond), 0.5);
  t.equal(overlap([...square].reverse(), diamond), 0.5);
  t.equal(overlap(square, [[0, 0], [1, 0]]), 0); // biome-ignore format: a line
  const share = fc.integer({ min: 0, max: 100 }).map((value) => value / 100);
  const rectangle = fc.tuple(share, share, share, share).map(([x, y, w, h]) => ({ x, y, w: w + 0.01, h: h + 0.01 }));
  fc.assert(
    fc.property(rectangle, rectangle, fc.integer({ min: 0, max: 628 }), (a, b, turn) => {
      const corners = ({ x, y, w, h }: typeof a): Point[] => {
        const [cos, sin] = [Math.cos(turn / 100), Math.sin(turn / 100)];
        const points: Point[] = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]; // biome-ignore format: four points
        return points.map(([px, py]) => [px * cos - py * sin, px * sin + py * cos]);
      };
      const side = (p: number, q: number, from: number, to: number) => Math.max(0, Math.min(p + q, from + to) - Math.max(p, from));
      const common = side(a.x, a.w, b.x, b.w) * side(a.y, a.h, b.y, b.h);
      const expected = common / (a.w * a.h + b.w * b.h - common);
      return Math.abs(overlap(corners(a), corners(b)) - expected) < 1e-9;
    }),
    { numRuns: 300 },
  );
});

test('labels are compared by what they are about', async (t) => {
  const label = (of: number, name: string): Observation => ({ score: 1, of, label: name });
  t.same(differentLabels.score([label(0, '0'), label(1, '180')], [label(1, '180'), label(0, '180')]), { errors: 1, total: 2 });
  t.same(differentLabels.score([label(0, '0')], []), { errors: 1, total: 1 });
  t.same(differentLabels.score([{ score: 1, label: '0' }], [{ score: 0.5, label: '0' }]), { errors: 0, total: 1 });
});

test('frames that only one of two answers calls speech are counted', async (t) => {
  t.same(differentFrames.score([speech(0, 3.2)], [speech(0, 3.2)]), { errors: 0, total: 100 });
  t.same(differentFrames.score([speech(0, 3.2)], [speech(0.32, 3.52)]), { errors: 20, total: 100 }, 'ten missed, ten too many');
  t.same(differentFrames.score([speech(0, 1.6), speech(1.6, 3.2)], [speech(0, 3.2)]).errors, 0, 'where segments are cut does not matter');
  t.same(differentFrames.score([], [speech(1, 1.32)]), { errors: 10, total: 0 });
});

test('things of different kinds at one place do not match', async (t) => {
  const cat = { ...box(0, 0, 0.5, 0.5), label: 'cat' };
  const dog = { ...box(0, 0, 0.5, 0.5), label: 'dog' };
  t.same(unmatchedLabelledBoxes.score([cat], [dog]), { errors: 2, total: 1 });
  t.same(unmatchedLabelledBoxes.score([cat, dog], [dog, cat]), { errors: 0, total: 2 });
  t.same(unmatchedBoxes.score([cat], [dog]), { errors: 0, total: 1 });
});

test('of several labels for a thing the first counts', async (t) => {
  const labels = (...names: string[]): Observation[] => names.map((label) => ({ score: 1, label }));
  t.same(differentLabels.score(labels('cat', 'dog'), labels('cat', 'bird')), { errors: 0, total: 1 });
  t.same(differentLabels.score(labels('cat', 'dog'), labels('dog', 'cat')), { errors: 1, total: 1 });
});

test('angles count when they differ by more than 3 degrees, or are missing', async (t) => {
  const pose = (yaw_deg: number, of: number): Observation => ({ score: 1, of, values: { yaw_deg, roll_deg: 0 } });
  t.same(differentAngles.score([pose(10, 0), pose(0, 1)], [pose(12.9, 0), pose(3.1, 1)]), { errors: 1, total: 4 });
  t.same(differentAngles.score([pose(10, 0)], []), { errors: 2, total: 2 });
});

test('embeddings count by how far they point from each other', async (t) => {
  const toward = (...embedding: number[]): Observation => ({ score: 1, embedding });
  t.same(cosineDistance.score([toward(1, 0)], [toward(1, 0)]), { errors: 0, total: 1 });
  t.same(cosineDistance.score([toward(1, 0)], [toward(0, 1)]), { errors: 1, total: 1 });
  t.ok(Math.abs(cosineDistance.score([toward(1, 0)], [toward(0.6, 0.8)]).errors - 0.4) < 1e-9);
  t.same(cosineDistance.score([toward(1, 0)], []), { errors: 1, total: 1 });
});

test('an observation is right by the matching of its task, each truth used once', async (t) => {
  const place = box(0, 0, 0.2, 0.1);
  const twice = [box(0.01, 0, 0.2, 0.1), place, box(0.6, 0, 0.2, 0.1)];
  t.same(unmatchedBoxes.right?.([place], twice), [false, true, false], 'the better overlap is the one');
  t.same(unmatchedLabelledBoxes.right?.([{ ...place, label: 'cat' }], [{ ...place, label: 'dog' }]), [false]);
  t.same(unmatchedBoxes.right?.([], twice), [false, false, false], 'nothing there: nothing is right');
  const labels = (of: number | undefined, ...names: string[]): Observation[] =>
    names.map((label) => ({ score: 1, label, ...(of === undefined ? {} : { of }) }));
  t.same(differentLabels.right?.(labels(undefined, 'cat'), labels(undefined, 'dog', 'cat')), [false, true], 'also the second likeliest');
  t.same(differentLabels.right?.([...labels(0, 'cat'), ...labels(1, 'dog')], [...labels(0, 'dog'), ...labels(1, 'dog')]), [false, true]);
  t.same(characterErrors.right?.([line('no 1', 0), line('two', 1)], [line('no1', 0), line('twa', 1), line('x', 2)]), [true, false, false]);
  const word = (label: string, start: number): Observation => ({ score: 1, label, segment: { start_s: start, end_s: start + 1 } });
  t.same(differentSegments.right?.([word('yes', 0)], [word('yes', 0.5), word('yes', 0.6), word('no', 0)]), [true, false, false]);
  t.same(differentSegments.score([word('yes', 0)], [word('yes', 0.5), word('yes', 0.6)]), { errors: 1, total: 1 });
});
