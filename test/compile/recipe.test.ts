import { createHash } from 'node:crypto';
import { test } from 'tap';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { buildVariant, compilerGeneration, parseRecipe, type Recipe } from '../../src/compile/recipe.js';
import { modelOf } from '../support/graph-lab.js';

const source = writeModel(modelOf({ nodes: [nodeOf('Identity', ['x'], ['a']), nodeOf('Relu', ['a'], ['y'])], inputs: { x: [4] } }));
const recipe: Recipe = {
  schema: 'shoal/recipe/1',
  source_sha256: createHash('sha256').update(source).digest('hex'),
  compiler: compilerGeneration,
};

test('a recipe builds the same bytes every time, and leaves its source as it was', (t) => {
  const before = Buffer.from(source);
  const built = buildVariant(source, parseRecipe(JSON.stringify(recipe), 'fp32.recipe.json'));
  t.strictSame(buildVariant(source, recipe), built);
  t.match(readModel(built).graph.nodes, [{ op: 'Relu', inputs: ['x'] }]);
  t.ok(before.equals(source));
  t.end();
});

test('another source, another generation of the compiler and half a model are refused', (t) => {
  t.throws(() => buildVariant(source, { ...recipe, source_sha256: 'a'.repeat(64) }), {
    code: 'MODEL_HASH',
    message: /its recipe is for aaaa/,
  });
  t.throws(() => buildVariant(source, { ...recipe, compiler: compilerGeneration + 1 }), {
    code: 'MODEL_INVALID',
    message: /compile the model again/,
  });
  const half = source.subarray(0, source.length / 2);
  const ofHalf = { ...recipe, source_sha256: createHash('sha256').update(half).digest('hex') };
  t.throws(() => buildVariant(half, ofHalf), { code: 'MODEL_INVALID' });
  t.end();
});

test('a recipe that is none says what is wrong with which file', (t) => {
  const cases: readonly [string, RegExp][] = [
    ['{', /r\.json: not readable as JSON/],
    ['[]', /r\.json: recipe: /],
    [
      JSON.stringify({ ...recipe, source_sha256: 'A', compiler: 0 }),
      /source_sha256: must be 64 hexadecimal digits, lower case; compiler: /,
    ],
    [JSON.stringify({ ...recipe, magic: true }), /magic/],
  ];
  for (const [text, message] of cases) t.throws(() => parseRecipe(text, 'r.json'), { code: 'MODEL_INVALID', message });
  t.end();
});
