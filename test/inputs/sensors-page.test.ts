/** Every example on the page of the sensors is an input that the configuration takes. */
import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { parse } from 'yaml';
import { parts } from '../../src/parts.js';

test('every example can be configured as it stands', (t) => {
  const page = readFileSync('docs/sensors.md', 'utf8');
  const examples = [...page.matchAll(/```yaml\n([^`]+)```/g)].map(([, example = '']) => parse(example) as Record<string, { type: string }>);
  t.ok(examples.length >= 8);
  for (const [name, { type, ...options }] of examples.flatMap((example) => Object.entries(example))) {
    const kind = parts.inputs.find((each) => each.type === type);
    t.same(kind?.options.safeParse(options).error?.issues ?? [], [], name);
    t.ok(kind !== undefined, `${type} is a type`);
  }
  t.end();
});
