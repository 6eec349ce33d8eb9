/** What is frozen on the wire: the published JSON Schemas, and golden bytes that `UPDATE_GOLDEN=1` writes anew for a person to read. */
import { readFile, writeFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Test } from 'tap';

export async function validator(name: string) {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(await readFile(`docs/schema/${name}.json`, 'utf8')) as object);
}

export async function golden(t: Test, name: string, bytes: Uint8Array): Promise<void> {
  const path = `test/flow/golden/${name}.json`;
  const text = `${Buffer.from(bytes).toString()}\n`;
  if (process.env.UPDATE_GOLDEN) await writeFile(path, text);
  t.equal(text, await readFile(path, 'utf8'), name);
}
