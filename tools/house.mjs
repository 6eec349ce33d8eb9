// The rules of the house that no other tool knows: file sizes, kept documents, and words that have no place here.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const problems = [];
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((file) => file !== '' && existsSync(file));
const sources = files.filter((file) => /^(src|test|bench|tools)\/.*\.(ts|mjs)$/.test(file));

const lines = new Map(sources.map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1]));
for (const [file, count] of lines) {
  if (count > 400) problems.push(`${file} has ${count} lines, at most 400: it is two files`);
}
const sizes = [...lines].filter(([file]) => file.startsWith('src/')).map(([, count]) => count);
const median = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
if (median > 120) problems.push(`the median source file has ${median} lines, at most 120`);

for (const file of sources.filter((name) => name.startsWith('src/'))) {
  const text = readFileSync(file, 'utf8');
  if (!/^\/\*\*/.test(text)) problems.push(`${file} has no header that says what it guarantees`);
  if (/\b(TODO|FIXME|XXX)\b/.test(text)) problems.push(`${file} has a leftover marker`);
  if (!/^[a-z0-9-]+\.ts$/.test(file.split('/').at(-1))) problems.push(`${file} is not kebab-case`);
}

// A part that plugs in is tested in the room that mirrors its own.
for (const room of ['inputs', 'sinks', 'tasks']) {
  const tests = sources.filter((name) => name.startsWith(`test/${room}/`)).map((name) => readFileSync(name, 'utf8'));
  for (const file of sources.filter((name) => new RegExp(`^src/${room}/[^/]+\\.ts$`).test(name))) {
    const plugsIn = /^export const \w+: (InputKind|SinkKind|Task)\b/m.test(readFileSync(file, 'utf8'));
    const imported = file.replace(/\.ts$/, '.js');
    if (plugsIn && !tests.some((text) => text.includes(imported)))
      problems.push(`${file} plugs in, and no test in test/${room}/ imports it`);
  }
}

// Whoever passes a model on must be able to comply with its licence.
for (const card of files.filter((name) => /^(models|catalogue)\/[^/]+\/[^/]+\/card\.yaml$/.test(name))) {
  const licence = card.replace('card.yaml', 'LICENSE');
  if (!files.includes(licence) || readFileSync(licence, 'utf8').trim() === '') problems.push(`${licence} is missing or empty`);
  for (const key of ['licence', 'attribution']) {
    if (!new RegExp(`^${key}: \\S`, 'm').test(readFileSync(card, 'utf8'))) problems.push(`${card} states no ${key}`);
  }
}

for (const problem of problems) process.stdout.write(`house: ${problem}\n`);
if (problems.length === 0)
  process.stdout.write(`house: ${sizes.length} source files, median ${median} lines, largest ${sizes.at(-1) ?? 0}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
