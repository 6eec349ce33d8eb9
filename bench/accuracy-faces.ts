/**
 * Faces found on photos whose number of faces is known, with the bundled model and default options: `node dist/bench/accuracy-faces.js`.
 *
 * Where a photo has exactly so many faces, the figure is how far the count is off, so that false faces fail like missed ones.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { openRegistry } from '../src/registry/registry.js';
import { detectFaces } from '../src/tasks/detect-faces.js';
import { openTask } from '../tools/run-task.js';
import { type Figure, figure, testData } from './figure.js';

const exact = [
  { file: 'samples/astronaut.png', faces: 1 },
  { file: 'data/faces/13.jpg', faces: 2 },
  { file: 'data/faces/19.jpg', faces: 5 },
];
const crowd = { file: 'data/faces/1.jpg', faces: 45 };

export async function accuracyFaces(): Promise<Figure[]> {
  const model = (await openRegistry(['models'])).find('blazeface-back');
  if (model === null) throw new Error('models/blazeface-back is missing: npm run models:build');
  const opened = await openTask(detectFaces, model);
  const count = async (file: string) => (await opened.run(await readFile(path.join(testData(), file)))).observations.length;
  const figures: Figure[] = [];
  for (const { file, faces } of exact) {
    const found = await count(file);
    figures.push(
      figure(`faces of ${path.basename(file)}: found ${found} of ${faces}, off by`, Math.abs(found - faces), 'faces', 'lower', 0),
    );
  }
  figures.push(figure(`faces of ${path.basename(crowd.file)} (a crowd)`, await count(crowd.file), 'faces', 'higher', crowd.faces));
  await opened.close();
  return figures;
}
