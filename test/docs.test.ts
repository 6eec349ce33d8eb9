import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { configJsonSchema } from '../src/config/json-schema.js';
import { configReference } from '../src/config/reference.js';
import { parts } from '../src/parts.js';

test('the reference of the configuration is what the parts say today (npm run docs:build)', async (t) => {
  t.equal(await readFile('docs/config.md', 'utf8'), configReference(parts));
});

test("the editors' schema of the configuration is what the parts say today (npm run docs:build)", async (t) => {
  t.equal(await readFile('docs/schema/config.json', 'utf8'), `${JSON.stringify(configJsonSchema(parts), null, 2)}\n`);
});
