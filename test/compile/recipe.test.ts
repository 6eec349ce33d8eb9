import { createHash } from 'node:crypto';
import { test } from 'tap';
import { importModel, sourceHash } from '../../src/compile/import/import-model.js';
import { readModel } from '../../src/compile/onnx/read.js';
import { nodeOf } from '../../src/compile/onnx/values.js';
import { writeModel } from '../../src/compile/onnx/write.js';
import { buildVariant, compilerGeneration, parseRecipe, type Recipe, recipeText } from '../../src/compile/recipe.js';
import { modelOf } from '../support/graph-lab.js';
import { graphFiles, node, one, placeholder } from '../support/tfjs-lab.js';

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

const imported = graphFiles(
  [placeholder('x', [-1, 4]), node('a', 'Identity', ['x']), node('b', 'Mul', ['a', 'one']), node('y', 'Relu', ['b'])],
  { one: one(1) },
);

test('a recipe may begin with an import, of all the files it needs and no others', (t) => {
  const hash = sourceHash(imported);
  const sums = [...imported].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  const lines = [sums[1], sums[0]].join('');
  t.equal(hash, createHash('sha256').update(lines).digest('hex'), 'lines as of sha256sum, sorted by name');
  t.equal(sourceHash(new Map([['any', source]])), recipe.source_sha256, 'one file has its own hash');
  const importing: Recipe = { ...recipe, source_sha256: hash, import: { format: 'tfjs', outputs: ['y'] } };
  const text = recipeText(importing);
  t.strictSame(parseRecipe(text, 'r.json'), importing);
  const built = buildVariant(imported, parseRecipe(text, 'r.json'));
  t.strictSame(buildVariant(imported, importing), built);
  t.match(readModel(built).graph.nodes, [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], 'the passes follow the import');
  t.match(
    importModel(imported, { format: 'tfjs', outputs: ['b'] }).graph.nodes,
    [{ op: 'Mul', outputs: ['b'] }],
    'cut where the recipe says',
  );
  const { import: _, ...without } = importing;
  t.throws(() => buildVariant(imported, without), { code: 'MODEL_INVALID', message: /2 files, and the recipe does not say how/ });
  t.throws(() => buildVariant(new Map([...imported, ['more', source]]), importing), { code: 'MODEL_HASH' });
  t.throws(() => parseRecipe(JSON.stringify({ ...importing, import: { format: 'caffe' } }), 'r.json'), {
    code: 'MODEL_INVALID',
    message: /import/,
  });
  t.end();
});
