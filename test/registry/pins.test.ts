/** Pins: what a person decided for this board goes before what the release or a measurement did, and never before what a stage names. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Test, test } from 'tap';
import type { Model } from '../../src/core/model.js';
import { chooseVariant } from '../../src/registry/choose-variant.js';
import { noPins, type Pins, readPins } from '../../src/registry/pins.js';
import { Registry } from '../../src/registry/registry.js';

const model = (name: string, version: string, task = 'find-things'): Model => ({
  name,
  version,
  task,
  title: name,
  licence: 'MIT',
  source: 'a test',
  directory: `/models/${name}/${version}`,
  inputs: [],
  outputs: [],
  params: {},
  labels: [],
  variants: ['fp32', 'int8'].map((variant) => ({ name: variant, path: `/${variant}`, sha256: variant, bytes: 1 })),
  pinned: { default: 'fp32' },
});

const models = [model('things', '1.0.0'), model('things', '1.1.0'), model('things', '2.0.0', 'find-others'), model('more', '3.0.0')];
const pinned = (pins: Pins['models']) => new Registry(models, [], { models: pins });
const refs = (t: Test, registry: Registry, expected: Record<string, string | undefined>) => {
  for (const [ref, version] of Object.entries(expected)) t.equal(registry.find(ref)?.version, version, ref);
};

test('a name means its pinned version, a version what it says, a task the pinned version that is for it', (t) => {
  refs(t, pinned({}), { things: '2.0.0', 'things@1': '1.1.0', 'things@1.0.0': '1.0.0', more: '3.0.0' });
  const registry = pinned({ things: { version: '1.0.0' } });
  refs(t, registry, { things: '1.0.0', 'things@1': '1.1.0', 'things@2.0.0': '2.0.0', more: '3.0.0', nonesuch: undefined });
  t.equal(registry.defaultFor('find-things')?.version, '1.0.0');
  t.equal(pinned({}).defaultFor('find-things')?.version, '1.1.0');
  t.equal(pinned({ things: { version: '2.0.0' } }).defaultFor('find-things')?.version, '1.1.0', 'a version for another task is no answer');
  t.equal(pinned({ constructor: { version: '1.0.0' } }).find('__proto__'), null);
  t.strictSame(registry.pinProblems, []);
  t.end();
});

test('a pin that cannot be kept is as none, and said', (t) => {
  const registry = pinned({ things: { version: '9.0.0' }, gone: { version: '1.0.0' }, more: { variant: 'int4' } });
  refs(t, registry, { things: '2.0.0', gone: undefined, more: '3.0.0' });
  t.strictSame(registry.pinProblems, [
    'things@9.0.0 is pinned, and not installed: things@2.0.0 runs',
    'gone@1.0.0 is pinned, and gone is not installed',
    'more is pinned to its variant int4, and has only fp32, int8',
  ]);
  t.end();
});

test('a pinned variant goes before the card and before what was measured, for the version it was pinned with', (t) => {
  const policy = { mode: 'pinned', board: 'x64', tuning: { state: 'none', reason: 'a test' } } as const;
  const chosen = (version: string, pins: Pins = noPins) => chooseVariant(model('things', version), { ...policy, pins });
  t.match(chosen('1.0.0'), { variant: { name: 'fp32' }, by: 'pinned' });
  t.match(chosen('1.0.0', { models: { things: { variant: 'int8' } } }), { variant: { name: 'int8' }, by: 'operator' });
  const both = { models: { things: { version: '1.0.0', variant: 'int8' } } };
  t.match(chosen('1.0.0', both), { variant: { name: 'int8' }, by: 'operator' });
  t.match(chosen('1.1.0', both), { variant: { name: 'fp32' }, by: 'pinned' });
  t.match(chosen('1.0.0', { models: { things: { variant: 'int4' } } }), { variant: { name: 'fp32' }, by: 'pinned' });
  t.end();
});

test('a file of pins is read whole or not at all', async (t) => {
  const state = t.testdir();
  t.strictSame(await readPins(state), noPins);
  const file = path.join(state, 'pins.json');
  const read = (content: string) => {
    writeFileSync(file, content);
    return readPins(state);
  };
  const models = { a: { version: '1.0.0' }, b: { variant: 'int8' } };
  t.strictSame(await read(JSON.stringify({ schema: 'shoal/pins/1', models })), { models });
  for (const [content, reason] of [
    ['{', /is not used, so no model is pinned/],
    ['[]', /is not used/],
    [JSON.stringify({ schema: 'shoal/pins/2', models }), /schema/],
    [JSON.stringify({ schema: 'shoal/pins/1', models: { a: {} } }), /models\.a: a version or a variant is needed/],
    [JSON.stringify({ schema: 'shoal/pins/1', models: { a: { version: 1 } } }), /models\.a\.version/],
    [' '.repeat(5_000_000), /no file of pins/],
  ] as const) {
    const { models: none, problem } = await read(content);
    t.strictSame(none, {});
    t.match(problem, reason);
  }
  const folder = path.join(state, 'other');
  mkdirSync(path.join(folder, 'pins.json'), { recursive: true });
  t.match((await readPins(folder)).problem, /no file of pins/);
});
