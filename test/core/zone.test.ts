import fc from 'fast-check';
import { test } from 'tap';
import { compileCondition } from '../../src/core/condition.js';
import { ConditionError } from '../../src/core/condition-error.js';
import type { Point } from '../../src/core/result.js';
import { areaOf, standsIn } from '../../src/core/zone.js';

const door: Point[] = [
  [0.2, 0.2],
  [0.4, 0.2],
  [0.4, 0.8],
  [0.2, 0.8],
];
const at = (x: number, y: number) => ({ x_min: x - 0.05, x_max: x + 0.05, y_min: y - 0.1, y_max: y });

test('a thing stands where the bottom centre of its box is', (t) => {
  t.ok(standsIn(door, at(0.3, 0.5)));
  t.notOk(standsIn(door, at(0.3, 0.81)), 'its head is in the door, its feet are not');
  t.notOk(standsIn(door, at(0.19, 0.5)));
  t.notOk(standsIn(door, at(0.41, 0.5)));
  t.notOk(standsIn([], at(0.3, 0.5)));
  t.equal(areaOf(door).toFixed(4), '0.1200');
  t.end();
});

test('of zones that share an edge or a corner a thing stands in exactly one', (t) => {
  const quarter = (x: number, y: number): Point[] => [
    [x, y],
    [x + 0.5, y],
    [x + 0.5, y + 0.5],
    [x, y + 0.5],
  ];
  const quarters = [quarter(0, 0), quarter(0.5, 0), quarter(0, 0.5), quarter(0.5, 0.5)];
  const grid = fc.integer({ min: 0, max: 15 }).map((n) => n / 16);
  fc.assert(
    fc.property(grid, grid, (x, y) => {
      const box = { x_min: x, x_max: x, y_min: 0, y_max: y };
      return quarters.filter((zone) => standsIn(zone, box)).length === 1;
    }),
  );
  t.end();
});

const people = (text: string, zones: string[] = ['door', 'gate']) => compileCondition(text, { people: 'list' }, { zones });

test('a condition asks for the zones of the input at hand', async (t) => {
  const condition = await people("people.exists(p, p.score > 0.5 && in_zone(p.box, 'door'))");
  const observations = { people: [{ score: 0.9, box: at(0.3, 0.5) }] };
  t.equal(condition.evaluate(observations, { door }).holds, true);
  t.equal(condition.evaluate(observations, { gate: door }).holds, false, 'in a zone that the input does not have nothing stands');
  t.equal(condition.evaluate(observations).holds, false);
  t.match(condition.evaluate({ people: [{ score: 0.9 }] }, { door }), { holds: false, trouble: { kind: 'missing' } }, 'without a box');
});

test('a zone that no input has, or that is not written out, is refused with its place', async (t) => {
  const refused = async (text: string, zones?: string[]) => {
    const error = await people(text, zones).catch((thrown: unknown) => thrown);
    return error instanceof ConditionError ? `${error.column}: ${error.summary}; ${error.hint}` : String(error);
  };
  t.equal(await refused("people.exists(p, in_zone(p.box, 'dor'))"), '33: "dor" is no zone of the inputs; did you mean door?');
  t.match(await refused("people.exists(p, in_zone(p.box, 'roof'))"), /; zones: door, gate$/);
  t.match(await refused("people.exists(p, in_zone(p.box, 'x'))", []), /; give it zones$/);
  t.match(await refused('people.exists(p, in_zone(p.box, p.label))'), /in_zone\(\) needs the name of a zone/);
  t.match(await refused("people.exists(p, in_zone(p.score, 'door'))"), /in_zone\(\) needs a box and a name/);
});
