/** The ONNX files that tests of the compiler go through: the bundled ones, and the shared ones where they are. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const shared = process.env.SHOAL_TEST_DATA;

export const bundledFiles: readonly string[] = readdirSync('models', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.onnx'))
  .sort()
  .map((file) => join('models', file));

/** Empty without SHOAL_TEST_DATA. */
export const sharedFiles: readonly string[] =
  shared === undefined
    ? []
    : readdirSync(join(shared, 'models'))
        .filter((file) => file.endsWith('.onnx'))
        .sort()
        .map((file) => join(shared, 'models', file));
