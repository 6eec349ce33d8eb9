import { test } from 'tap';
import { matchBoxes } from '../../src/core/match-boxes.js';

const at = (x: number, label: string | null = 'person', width = 0.2) => ({
  box: { x_min: x, y_min: 0.2, x_max: x + width, y_max: 0.8 },
  label,
});

test('a box is the thing it overlaps best, whatever the order', (t) => {
  t.same(matchBoxes([at(0.1), at(0.5)], [at(0.52), at(0.12)], 0.3), [1, 0]);
  t.same(matchBoxes([at(0.1), at(0.2)], [at(0.19)], 0.3), [null, 0], 'the nearer one has it');
  t.same(matchBoxes([at(0.1)], [at(0.14), at(0.12)], 0.3), [1]);
  t.end();
});

test('what overlaps too little, or is called otherwise, is another thing', (t) => {
  // Shifted by half a width, two equal boxes share a third of their union.
  t.same(matchBoxes([at(0.1)], [at(0.2)], 0.33), [0]);
  t.same(matchBoxes([at(0.1)], [at(0.2)], 0.34), [null]);
  t.same(matchBoxes([at(0.1)], [at(0.1, 'dog')], 0.3), [null]);
  t.same(matchBoxes([at(0.1, null)], [at(0.1, null)], 0.3), [0], 'without labels too');
  t.same(matchBoxes([at(0.1, 'person', 0)], [at(0.1, 'person', 0)], 0.3), [null], 'what has no area overlaps nothing');
  t.same(matchBoxes([], [at(0.1)], 0.3), []);
  t.same(matchBoxes([at(0.1)], [], 0.3), [null]);
  t.end();
});

test('equal overlaps go to the first of each', (t) => {
  t.same(matchBoxes([at(0.1), at(0.1)], [at(0.1), at(0.1)], 0.3), [0, 1]);
  t.end();
});
