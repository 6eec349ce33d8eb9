/**
 * The two sets of rendered text: what judges a model never calibrated it. No word, no font, no seed and no photo is in both.
 */
import { spawnSync } from 'node:child_process';
import { calibrating, judged, type Vocabulary } from './vocabulary.js';

export interface RenderedSet {
  readonly vocabulary: Vocabulary;
  /** Families as fontconfig knows them. */
  readonly fonts: readonly string[];
  /** Seeds of this set begin here. */
  readonly seed: number;
  /** Photos text lies on, below the shared test data. */
  readonly photos: readonly string[];
}

export const heldOut: RenderedSet = {
  vocabulary: judged,
  fonts: ['DejaVu Sans', 'DejaVu Serif', 'DejaVu Sans Mono', 'Liberation Sans', 'Liberation Serif', 'Liberation Mono'],
  seed: 1_000_000,
  photos: ['samples/coffee.png', 'samples/astronaut.png', 'data/photos/fastestdet_4.jpg', 'data/photos/nanodet_test_img.jpg'],
};

export const calibrationSet: RenderedSet = {
  vocabulary: calibrating,
  fonts: ['FreeSans', 'FreeSerif', 'FreeMono', 'Lato', 'Open Sans'],
  seed: 5_000_000,
  photos: [
    'data/photos/fastestdet_0.jpg',
    'data/photos/fastestdet_1.jpg',
    'data/photos/fastestdet_2.jpg',
    'data/photos/fastestdet_3.jpg',
    'data/photos/nanodet_000252.jpg',
    'data/photos/nanodet_000258.jpg',
  ],
};

const packages = ['fonts-dejavu-core', 'fonts-liberation', 'fonts-freefont-ttf', 'fonts-lato', 'fonts-open-sans'];

/** Without a font another one is silently drawn: the sets would share it. Installs them as root, else throws with the command to run. */
export function needFonts(): void {
  const { status } = spawnSync(process.execPath, ['tools/packages.mjs', ...packages], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('the fonts of the rendered text are not there: install the Debian packages named above');
}
